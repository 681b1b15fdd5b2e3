"""A receive queue for ASGI: an asyncio.Queue for a single reader, at a tenth of its size.

An asyncio.Event holds a deque of waiters and a Queue three of them, 0.7 KB each: a sixth of an idle stream.
"""

from collections.abc import Callable
from typing import Any

from notifications.concurrency import OneWaiterEvent
from notifications.stream.asgi import DISCONNECT


class ReceiveQueue:
    """Messages from a server for the one application that receives them."""

    __slots__ = ("_messages", "_wake", "_when_left")

    def __init__(self) -> None:
        self._messages: list[dict[str, Any]] = []
        self._wake = OneWaiterEvent()
        self._when_left: Callable[[], None] | None = None

    def put_nowait(self, message: dict[str, Any]) -> None:
        self._messages.append(message)
        self._wake.set()
        if self._when_left is not None and message["type"] == DISCONNECT:
            self._when_left()

    def when_left(self, callback: Callable[[], None] | None) -> None:
        """Sets the function to call when the client has left; calls it at once if it has. None: no function.

        An application that uses it needs no task that waits for the message.
        """
        self._when_left = callback
        if callback is not None and any(message["type"] == DISCONNECT for message in self._messages):
            callback()

    async def get(self) -> dict[str, Any]:
        """Removes and returns the oldest message; waits until there is one."""
        while not self._messages:
            self._wake.clear()
            await self._wake.wait()
        return self._messages.pop(0)
