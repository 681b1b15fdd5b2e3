"""One of the N places of a pool: the worker that serves in it, and the one that replaces it."""

import logging
import time
from collections.abc import Callable

from notifications.server.workers.assignment import DIED, RELOAD, START
from notifications.server.workers.worker import Worker

logger = logging.getLogger("notifications.workers")

# Seconds before a worker is started again; the pause doubles with each failure in a row. The first restart is immediate.
FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0
# A worker that has served for this many seconds has recovered: its next failure is its first again.
STEADY_AFTER = 10.0
# Seconds in which a worker must serve: an import takes one or two, on a busy machine ten.
START_WITHIN = 120.0
# Seconds in which a worker must end: more than its streams have (daphne.DRAIN_SECONDS), less than systemd waits.
END_WITHIN = 10.0
# Seconds between two looks at a worker of which nothing is heard.
LOOK_EVERY = 1.0


def delay_after(failures: int) -> float:
    """Returns the seconds before the restart after so many failures in a row."""
    return 0.0 if failures <= 1 else min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(failures - 2, 20))


class Slot:
    """Keeps one worker running."""

    def __init__(self, number: int, start: Callable[[int, str], Worker]) -> None:
        """start: starts a worker; takes its number, and the reason as one of those in `assignment`."""
        self.number = number
        self._start = start
        self.worker: Worker | None = None
        # During a rolling restart: the new worker, until it serves; then the old one, until it has ended.
        self.successor: Worker | None = None
        self.leaving: Worker | None = None
        self.was_not_replaced = False
        # Failures in a row, and those among them that never served.
        self.failures = self.failed_starts = 0
        self._start_at = 0.0

    @property
    def serves(self) -> bool:
        """Whether its worker accepts connections."""
        return self.worker is not None and self.worker.is_ready

    @property
    def processes(self) -> list[Worker]:
        return [each for each in (self.worker, self.successor, self.leaving) if each is not None]

    def due(self) -> float:
        """When step() has something to do though nothing happens, on the monotonic clock."""
        waits = self.worker is None and self.failures > 0
        return self._start_at if waits else time.monotonic() + LOOK_EVERY

    def step(self) -> None:
        """Notes which processes have ended, ends those that hang, and starts a worker if there is none."""
        for process in self.processes:
            if process.look():
                end_if_it_hangs(process)
            elif process is self.worker:
                self._note_failure(process)
            elif process is self.leaving:
                self.leaving = None
            else:
                self.successor, self.was_not_replaced = None, True
                logger.error("%s %s before it served: the old one stays", process, process.outcome())
        if self.serves and self.worker is not None and time.monotonic() - self.worker.started > STEADY_AFTER:
            self.failures = self.failed_starts = 0
        if self.successor is not None and self.successor.is_ready:
            self._hand_over(self.successor)
        elif self.worker is None and self.successor is None and time.monotonic() >= self._start_at:
            self.worker = self._start(self.number, DIED if self.failures else START)
            if self.failures:
                logger.info("%s takes its place", self.worker)

    def end(self) -> None:
        """Notes which processes have ended, tells the others to end, and kills those that hang."""
        for process in self.processes:
            if process.look():
                process.terminate()
                end_if_it_hangs(process)
                continue
            self.worker = None if process is self.worker else self.worker
            self.successor = None if process is self.successor else self.successor
            self.leaving = None if process is self.leaving else self.leaving

    def replace(self) -> None:
        """Starts a new worker; the old one is told to end once that one serves."""
        self.successor, self.was_not_replaced = self._start(self.number, RELOAD), False

    def _hand_over(self, successor: Worker) -> None:
        logger.info("%s serves", successor)
        self.leaving, self.worker, self.successor = self.worker, successor, None
        if self.leaving is not None:
            self.leaving.terminate()

    def _note_failure(self, worker: Worker) -> None:
        self.worker = None
        self.failures += 1
        self.failed_starts = 0 if worker.is_ready else self.failed_starts + 1
        delay = delay_after(self.failures)
        self._start_at = time.monotonic() + delay
        before = "" if worker.is_ready else " before it served"
        then = f": the next one starts in {delay:g} s" if delay else ""
        logger.error("%s %s%s%s", worker, worker.outcome(), before, then)


def end_if_it_hangs(process: Worker) -> None:
    """Kills a worker that is late with serving or with ending."""
    now = time.monotonic()
    if process.was_killed:
        return
    if process.told_to_end is not None and now - process.told_to_end > END_WITHIN:
        logger.error("%s has not ended within %g s and is killed", process, END_WITHIN)
        process.kill()
    elif not process.is_ready and now - process.started > START_WITHIN:
        logger.error("%s has not served within %g s and is killed", process, START_WITHIN)
        process.kill()
