"""An event that one coroutine waits for."""

import asyncio


class OneWaiterEvent:
    """A flag that one coroutine waits for; asyncio.Event's interface."""

    __slots__ = ("_flag", "_waiter")

    def __init__(self) -> None:
        """Not set."""
        self._flag = False
        self._waiter: asyncio.Future[None] | None = None

    def is_set(self) -> bool:
        """Whether it is set."""
        return self._flag

    def set(self) -> None:
        """Sets it and wakes whoever waits."""
        self._flag = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def clear(self) -> None:
        """Unsets it."""
        self._flag = False

    async def wait(self) -> None:
        """Returns once it is set."""
        while not self._flag:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
