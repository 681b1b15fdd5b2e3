"""Work with the database that is cheaper for many than for each: what comes while one batch is at work goes into the next.

Nothing waits to be joined by others. An idle process takes each piece at once; a busy one takes all that wait together,
in one thread, with a handful of statements for all of them.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from notifications.concurrency.threads import and_disconnect

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batcher(Generic[Item, Result]):
    """Does the pieces of work that coroutines bring, all that wait at a time."""

    def __init__(self, work: Callable[[Sequence[Item]], Sequence[Result | Exception]], *, name: str, most: int) -> None:
        """work: called in a thread; returns for each item, in its place, the result or what do() raises.

        name: of the thread. most: how many items at a time; with more, the first of them would wait for the last.
        """
        self._work = work
        self._most = most
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._worker: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many items wait to be taken."""
        return len(self._waiting)

    async def do(self, item: Item) -> Result:
        """Returns the result for one item once it has been worked on."""
        result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, result))
        if self._worker is None:
            self._worker = asyncio.create_task(self._work_off())
        return await result

    async def _work_off(self) -> None:
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._most))]
                try:
                    items = [item for item, _future in batch]
                    loop = asyncio.get_running_loop()
                    found = await loop.run_in_executor(self._thread, and_disconnect, self._work, items)
                except Exception as error:  # noqa: BLE001  whoever waits gets it
                    found = [error] * len(batch)
                for (_item, future), result in zip(batch, found, strict=True):
                    # Who brought it may have left; it has been done all the same.
                    if future.done():
                        continue
                    if isinstance(result, Exception):
                        future.set_exception(result)
                    else:
                        future.set_result(result)
        finally:
            # With a loop that ends, what still waits has nobody left to wait for it.
            self._waiting.clear()
            self._worker = None
