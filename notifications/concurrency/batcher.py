"""Batches database work that is cheaper for many items than for each: items that arrive while a batch runs go into the next.

An idle process takes each item at once; a busy one takes all that are waiting, in one thread, with a few statements for all of
them, and lets a few milliseconds pass between two batches, so that the next one is larger. The thread keeps its connections
from batch to batch, and closes them when nothing has come for a second.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from django.db import connections

from notifications.concurrency.event import OneWaiterEvent

# Seconds between a batch of several items and the next one. Under load a batch takes longer than this, most of it the same for
# one item as for many; and those whose items are done come again at once, too late for a batch that does not wait for them.
GATHERING_SECONDS = 0.003
# The next batch waits so many times for as long as items keep coming.
GATHERINGS = 4
# Seconds for which a thread without work keeps its connections. Opening one on SQLite takes as long as two of the queries.
IDLE_SECONDS = 1.0

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Batcher(Generic[_Item, _Result]):
    """Runs a function for the items that coroutines submit, with all that are waiting at a time."""

    def __init__(
        self, work: Callable[[Sequence[_Item]], Sequence[_Result | Exception]], *, name: str, most: int
    ) -> None:
        """work: called in a thread; returns for each item, in its place, what submit() returns or raises.

        name: of the thread. most: the largest batch; with more items, the first of them would wait for the last.
        """
        self._work = work
        self._most = most
        self._waiting: deque[tuple[_Item, asyncio.Future[_Result]]] = deque()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._worker: asyncio.Task[None] | None = None
        self._arrived = OneWaiterEvent()

    @property
    def waiting(self) -> int:
        """How many items wait for the next batch."""
        return len(self._waiting)

    async def submit(self, item: _Item) -> _Result:
        """Returns the result for one item, once its batch has run."""
        result: asyncio.Future[_Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, result))
        self._arrived.set()
        if self._worker is None:
            self._worker = asyncio.create_task(self._run_batches())
        return await result

    async def _run_batches(self) -> None:
        batch: list[tuple[_Item, asyncio.Future[_Result]]] = []
        try:
            while await self._has_work():
                batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._most))]
                try:
                    items = [item for item, _future in batch]
                    loop = asyncio.get_running_loop()
                    results = await loop.run_in_executor(self._thread, self._work_on, items)
                except Exception as error:  # noqa: BLE001  the callers get it
                    results = [error] * len(batch)
                for (_item, future), result in zip(batch, results, strict=True):
                    # The caller may have been cancelled; the work is done anyway.
                    if future.done():
                        continue
                    if isinstance(result, Exception):
                        future.set_exception(result)
                    else:
                        future.set_result(result)
                if len(batch) > 1:
                    await self._gather()
        except asyncio.CancelledError:
            # The callers must not wait for ever.
            for _item, future in (*batch, *self._waiting):
                future.cancel()
            raise
        finally:
            # If the loop ends, nothing awaits the items that are left.
            self._waiting.clear()
            self._worker = None
            # Only their own thread can close them, and it may never run again (trap 20).
            self._thread.submit(connections.close_all)

    async def _has_work(self) -> bool:
        """Returns True once an item waits, and False if none has come for IDLE_SECONDS."""
        if not self._waiting:
            self._arrived.clear()
            try:
                async with asyncio.timeout(IDLE_SECONDS):
                    await self._arrived.wait()
            except TimeoutError:
                # An item may have come after the time was up, and before this task noticed it.
                return bool(self._waiting)
        return True

    async def _gather(self) -> None:
        """Lets the next batch grow for as long as items keep coming."""
        for _ in range(GATHERINGS):
            before = len(self._waiting)
            if before >= self._most:
                return
            await asyncio.sleep(GATHERING_SECONDS)
            if len(self._waiting) == before:
                return

    def _work_on(self, items: Sequence[_Item]) -> Sequence[_Result | Exception]:
        """Runs in the thread. A connection that had an error may be broken: the next batch gets a new one."""
        try:
            return self._work(items)
        finally:
            for connection in connections.all(initialized_only=True):
                if connection.errors_occurred:
                    connection.close()
