"""The queue of ASGI messages from the server to one application: asyncio.Queue for a single reader, at a tenth of its size.

An asyncio.Queue holds three deques of waiters, 0.7 KB each: they were a sixth of what an idle stream held.
"""

from collections.abc import Callable
from typing import Any

from notifications.concurrency import OneWaiterEvent
from notifications.stream.asgi import DISCONNECT


class ReceiveQueue:
    """Messages for the one application that receives them; the part of asyncio.Queue that Daphne uses."""

    __slots__ = ("_arrived", "_messages", "_when_left")

    def __init__(self) -> None:
        self._messages: list[dict[str, Any]] = []
        self._arrived = OneWaiterEvent()
        self._when_left: Callable[[], None] | None = None

    def put_nowait(self, message: dict[str, Any]) -> None:
        """Adds a message."""
        self._messages.append(message)
        self._arrived.set()
        if self._when_left is not None and message["type"] == DISCONNECT:
            self._when_left()

    def when_left(self, callback: Callable[[], None] | None) -> None:
        """Registers a callback for the client's disconnect, called at once if the client has left; None removes it.

        It saves each stream a task that waits for the message.
        """
        self._when_left = callback
        if callback is not None and any(message["type"] == DISCONNECT for message in self._messages):
            callback()

    async def get(self) -> dict[str, Any]:
        """Removes and returns the oldest message, once there is one."""
        while not self._messages:
            self._arrived.clear()
            await self._arrived.wait()
        return self._messages.pop(0)
