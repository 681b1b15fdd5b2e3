"""Supervises the background tasks of a process: one that ends, for whatever reason, is logged, counted and started again."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

from notifications import metrics

logger = logging.getLogger("notifications.tail")

# Seconds before the first and the slowest restart; the pause doubles with each failure.
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 30.0
# A task that has run for this many seconds has recovered: its next failure is its first again.
STEADY_SECONDS = 1.0

Work = Callable[[], Coroutine[Any, Any, None]]


class Supervisor:
    """Runs named tasks on the running event loop until stop()."""

    def __init__(self) -> None:
        # The tasks that are down or have been restarted a moment ago, each with the reason.
        self.down: dict[str, str] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def run(self, name: str, work: Work) -> None:
        """Starts a task. work: makes its coroutine, again for each restart."""
        metrics.BACKGROUND_UP.labels(name).set(1)
        self._keepers.append(asyncio.create_task(self._keep(name, work), name=f"{name}-keeper"))

    async def stop(self) -> None:
        """Ends all tasks."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)

    async def _keep(self, name: str, work: Work) -> None:
        failures = 0
        try:
            while True:
                began = time.monotonic()
                task = self._tasks[name] = asyncio.create_task(work(), name=name)
                await asyncio.wait([task], timeout=STEADY_SECONDS)
                if not task.done():
                    self._recovered(name)
                    await asyncio.wait([task])
                failures = 1 if time.monotonic() - began >= STEADY_SECONDS else failures + 1
                self._failed(name, task)
                await asyncio.sleep(pause_after(failures))
        finally:
            await end(self._tasks.pop(name))

    def _recovered(self, name: str) -> None:
        self.down.pop(name, None)
        metrics.BACKGROUND_UP.labels(name).set(1)

    def _failed(self, name: str, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        reason = "cancelled" if task.cancelled() else type(error).__name__ if error else "ended"
        self.down[name] = reason
        metrics.BACKGROUND_UP.labels(name).set(0)
        metrics.BACKGROUND_FAILURES.labels(name).inc()
        logger.error("the background task %s failed (%s) and is started again", name, reason, exc_info=error)


def pause_after(failures: int) -> float:
    """Returns the seconds before the restart after so many failures in a row."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, 20))


async def end(task: asyncio.Task[None]) -> None:
    """Cancels a task until it has ended: redis-py swallows a cancellation while it connects."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=0.2)
