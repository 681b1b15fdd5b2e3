"""What one coroutine waits for and others bring: asyncio's Event and Queue for a single waiter, at a tenth of their size.

An asyncio.Event holds a deque of waiters and a Queue three of them, 0.7 KB each: of an idle stream that was a sixth.
"""

import asyncio
from collections.abc import Callable
from typing import Any

# ASGI's message that the client has left.
DISCONNECT = "http.disconnect"


class Wake:
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


class Mailbox:
    """Messages from a server for the one application that receives them."""

    __slots__ = ("_messages", "_wake", "_when_left")

    def __init__(self) -> None:
        """Empty."""
        self._messages: list[dict[str, Any]] = []
        self._wake = Wake()
        self._when_left: Callable[[], None] | None = None

    def put_nowait(self, message: dict[str, Any]) -> None:
        """Adds a message."""
        self._messages.append(message)
        self._wake.set()
        if self._when_left is not None and message["type"] == DISCONNECT:
            self._when_left()

    def when_left(self, callback: Callable[[], None] | None) -> None:
        """Has this called when the client has left, at once if it has; it saves a task that waits for the message."""
        self._when_left = callback
        if callback is not None and any(message["type"] == DISCONNECT for message in self._messages):
            callback()

    async def get(self) -> dict[str, Any]:
        """Takes the oldest message, once there is one."""
        while not self._messages:
            self._wake.clear()
            await self._wake.wait()
        return self._messages.pop(0)
