"""The parent: keeps N workers running, and ends or restarts them on signals."""

import signal
import socket
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from types import FrameType

from notifications.server.workers.slot import LOOK_EVERY, Slot
from notifications.server.workers.worker import Worker

# SIGHUP is sent when a terminal is closed, so it ends the workers, as it ends a single process.
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# Starts in a row that failed while no worker serves: then it is not a worker that is broken.
MAX_FAILED_STARTS = 5


class WorkersFailed(Exception):
    """The workers cannot serve, or have not ended by themselves; the message is one line."""


class WorkerPool:
    """N workers on one listening socket.

    SIGTERM and SIGINT end all workers in good order, a second one ends them at once. SIGUSR2 restarts them one after the
    other: each is told to end once its successor serves, and both accept from the same socket, so no connection is refused.
    """

    def __init__(self, count: int, listener: socket.socket, when_ready: Callable[[], None]) -> None:
        """when_ready: called once all workers serve for the first time."""
        self.listener = listener
        self._folder = ""
        self.slots = [Slot(number, self._start) for number in range(1, count + 1)]
        self._when_ready = when_ready
        self._all_have_served = False
        self._end_signals = 0
        # Of a rolling restart: the slots that are still to come, and the one whose turn it is.
        self._waiting: deque[Slot] = deque()
        self._replaced: Slot | None = None
        self._reload_asked = False

    def run(self) -> None:
        """Serves until SIGTERM or SIGINT; raises WorkersFailed."""
        with tempfile.TemporaryDirectory(prefix="serve-metrics-", ignore_cleanup_errors=True) as self._folder:
            try:
                with self._signals():
                    while not self._end_signals:
                        self._step()
                        self._wait(min(slot.due() for slot in self.slots) - time.monotonic())
                    self._end()
            finally:
                for process in self._processes:
                    process.kill()
                    process.process.wait()

    def _start(self, number: int, reason: str) -> Worker:
        return Worker(number, self.listener, reason, self._folder)

    @property
    def _processes(self) -> list[Worker]:
        return [process for slot in self.slots for process in slot.processes]

    def _step(self) -> None:
        """Does what is due. The first worker starts alone: what makes it fail is said once, not by each of them."""
        first, *others = self.slots
        first.step()
        for slot in others:
            if first.serves or slot.processes or self._all_have_served:
                slot.step()
        self._give_up_if_hopeless()
        if not self._all_have_served and all(slot.serves for slot in self.slots):
            self._all_have_served = True
            self._when_ready()
        if self._all_have_served:
            self._reload()

    def _give_up_if_hopeless(self) -> None:
        failed = [slot for slot in self.slots if slot.failed_starts]
        if any(slot.serves for slot in self.slots):
            # The site is up: a worker that fails is started again, after a pause.
            return
        if failed and not self._all_have_served:
            raise WorkersFailed(f"worker {failed[0].number} of {len(self.slots)} could not start: see above")
        starts = sum(slot.failed_starts for slot in failed)
        if starts >= MAX_FAILED_STARTS:
            raise WorkersFailed(f"no worker serves, and {starts} starts in a row have failed: see above")

    def _reload(self) -> None:
        """Replaces the next worker of a rolling restart, if the one before has been replaced."""
        if self._reload_asked:
            self._reload_asked = False
            self._waiting = deque(self.slots)
        if any(slot.successor or slot.leaving for slot in self.slots):
            return
        if self._replaced is not None and self._replaced.was_not_replaced:
            # A release that cannot start must not take the place of one that serves.
            self._waiting.clear()
        self._replaced = self._waiting.popleft() if self._waiting else None
        if self._replaced is not None:
            self._replaced.replace()

    def _end(self) -> None:
        """Tells all processes to end, and returns once they have; raises WorkersFailed if they have to be killed."""
        processes = self._processes
        while self._processes:
            for slot in self.slots:
                slot.end()
            if self._end_signals > 1 and self._processes:
                raise WorkersFailed("ended at once, on a second signal")
            if self._processes:
                self._wait(LOOK_EVERY)
        if any(process.was_killed for process in processes):
            raise WorkersFailed("not all workers have ended by themselves: see above")

    def _wait(self, seconds: float) -> None:
        """Returns after so many seconds, on a signal (the end of a worker is one), or when a worker has begun to serve."""
        starting = [process.control for process in self._processes if not process.is_ready]
        wait([self._woken, *starting], max(0.0, seconds))
        with suppress(BlockingIOError):
            self._woken.recv(4096)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Notes signals while the block runs. Python writes a byte for each, so that _wait() returns."""
        self._woken, waking = socket.socketpair()
        with self._woken, waking:
            self._woken.settimeout(0)
            waking.settimeout(0)
            before = {number: signal.signal(number, self._note) for number in (*ENDING, signal.SIGUSR2, signal.SIGCHLD)}
            woken = signal.set_wakeup_fd(waking.fileno())
            try:
                yield
            finally:
                signal.set_wakeup_fd(woken)
                for number, handler in before.items():
                    signal.signal(number, handler)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if number in ENDING:
            self._end_signals += 1
        elif number == signal.SIGUSR2:
            self._reload_asked = True
