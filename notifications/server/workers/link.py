"""A worker's link to its parent: the worker reports that it serves, and ends when the parent has ended."""

import os
import shutil
import signal
import socket
import threading
import time
from contextlib import suppress

from notifications import metrics, tracing
from notifications.server.workers.assignment import Assignment

# Sent by a worker once it accepts connections.
READY = b"r"
# Seconds that a worker has to end after its parent has gone: more than its streams have (daphne.DRAIN_SECONDS).
ORPHANED_SECONDS = 10.0


class ParentLink:
    """The worker's end of the socket to its parent.

    The kernel closes the parent's end however the parent ends, SIGKILL included. PR_SET_PDEATHSIG would do the same on
    Linux alone, and not for a parent that has ended before the call.
    """

    def __init__(self, assignment: Assignment) -> None:
        self.assignment = assignment
        self.control = socket.socket(fileno=assignment.control)
        self.orphaned = False

    def attach(self) -> None:
        """Makes this process a worker: for its log lines, its metrics and its end."""
        tracing.name_worker(self.assignment.number)
        metrics.WORKERS_STARTED.labels(self.assignment.reason).inc()
        # A terminal sends Ctrl-C to the parent as well, which tells all workers to end.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        # A thread, because the event loop begins late and may hang.
        threading.Thread(target=self._end_with_parent, name="parent-link", daemon=True).start()

    def report_ready(self) -> None:
        """Called once this worker accepts connections."""
        with suppress(OSError):
            self.control.sendall(READY)

    def detach(self) -> None:
        """Called at the end of the process."""
        if self.orphaned:
            shutil.rmtree(self.assignment.folder, ignore_errors=True)

    def _end_with_parent(self) -> None:
        with suppress(OSError):
            while self.control.recv(1):
                pass
        self.orphaned = True
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(ORPHANED_SECONDS)
        os._exit(1)
