"""Batches database work that is cheaper for many items than for each: items that arrive while a batch runs go into the next.

An idle process takes each item at once; a busy one takes all that are waiting, in one thread, with a few statements for all of
them, and lets a few milliseconds pass between two batches, so that the next one is larger.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from notifications.concurrency.threads import and_disconnect

# Seconds between a batch of several items and the next one. Under load a batch takes longer than this, most of it the same for
# one item as for many; and those whose items are done come again at once, too late for a batch that does not wait for them.
GATHERING_SECONDS = 0.003

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

    @property
    def waiting(self) -> int:
        """How many items wait for the next batch."""
        return len(self._waiting)

    async def submit(self, item: _Item) -> _Result:
        """Returns the result for one item, once its batch has run."""
        result: asyncio.Future[_Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, result))
        if self._worker is None:
            self._worker = asyncio.create_task(self._run_batches())
        return await result

    async def _run_batches(self) -> None:
        batch: list[tuple[_Item, asyncio.Future[_Result]]] = []
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._most))]
                try:
                    items = [item for item, _future in batch]
                    loop = asyncio.get_running_loop()
                    results = await loop.run_in_executor(self._thread, and_disconnect, self._work, items)
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
                if len(batch) > 1 and len(self._waiting) < self._most:
                    await asyncio.sleep(GATHERING_SECONDS)
        except asyncio.CancelledError:
            # The callers must not wait for ever.
            for _item, future in (*batch, *self._waiting):
                future.cancel()
            raise
        finally:
            # If the loop ends, nothing awaits the items that are left.
            self._waiting.clear()
            self._worker = None
