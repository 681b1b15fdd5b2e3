"""What one coroutine waits for and others bring: asyncio's Event and Queue for a single waiter, at a tenth of their size.

An asyncio.Event holds a deque of waiters and a Queue three of them, 0.7 KB each: of an idle stream that was a sixth.
"""

from collections.abc import Callable
from typing import Any

from notifications.concurrency import OneWaiterEvent
from notifications.stream.asgi import DISCONNECT


class ReceiveQueue:
    """Messages from a server for the one application that receives them."""

    __slots__ = ("_messages", "_wake", "_when_left")

    def __init__(self) -> None:
        """Empty."""
        self._messages: list[dict[str, Any]] = []
        self._wake = OneWaiterEvent()
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
