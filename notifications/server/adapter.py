"""Offers streams, on servers other than `serve`, what they do not get from ASGI."""

from collections.abc import Awaitable, Callable
from typing import Any

from notifications.server import uvicorn
from notifications.stream.application import WRITE_NOW


class ServerAdapter:
    """Wraps an ASGI application for HTTP. With another `send` than the server's own it passes requests on as they are."""

    def __init__(self, application: Callable[..., Awaitable[None]]) -> None:
        self.application = application

    def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Awaitable[None]:
        """Passes a request on, with the extension for direct writes if its server has a way for them."""
        if (writer := uvicorn.writer_of(scope, send)) is not None:
            # In the server's own scope: a copy, or a coroutine here, would be kept as long as the stream.
            scope["extensions"] = {**scope.get("extensions", {}), WRITE_NOW: {"outlet": writer}}
        return self.application(scope, receive, send)
