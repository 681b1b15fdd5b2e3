"""One worker process, as its parent sees it."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress

from prometheus_client.multiprocess import mark_process_dead

from notifications.server.workers.assignment import Assignment
from notifications.server.workers.link import READY


class Worker:
    """A process that runs the parent's own command line, with an Assignment in its environment."""

    def __init__(self, number: int, listener: socket.socket, reason: str, folder: str) -> None:
        """Starts it. folder: for the metrics of all workers."""
        self.number = number
        self.folder = folder
        self.started = time.monotonic()
        # Since when it has been told to end, on the monotonic clock.
        self.told_to_end: float | None = None
        self.is_ready = False
        self.was_killed = False
        self.control, theirs = socket.socketpair()
        self.control.settimeout(0)
        with theirs:
            part = Assignment(number, listener.fileno(), theirs.fileno(), reason, folder)
            self.process = subprocess.Popen(  # noqa: S603  this process's own command line
                [sys.executable, *sys.orig_argv[1:]],
                env={**os.environ, **part.to_environment()},
                pass_fds=[part.listener, part.control],
            )

    def __str__(self) -> str:
        return f"worker {self.number} (process {self.process.pid})"

    def look(self) -> bool:
        """Reads what it has sent; returns whether it runs. Its gauges are gone from the metrics once it has ended."""
        with suppress(OSError):
            self.is_ready = self.is_ready or self.control.recv(1) == READY
        if self.process.poll() is None:
            return True
        self.control.close()
        mark_process_dead(self.process.pid, self.folder)  # type: ignore[no-untyped-call]
        return False

    def outcome(self) -> str:
        """How it has ended, for a log line."""
        code = self.process.returncode
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def terminate(self) -> None:
        """Tells it to end in good order; it ends by itself within daphne.DRAIN_SECONDS and a moment."""
        if self.told_to_end is None:
            self.told_to_end = time.monotonic()
            self.process.terminate()

    def kill(self) -> None:
        self.was_killed = True
        self.process.kill()
