"""A boundary around an ASGI application: an error in the middle of a response ends that response alone."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

logger = logging.getLogger(__name__)

Application = Callable[..., Awaitable[None]]


class ErrorBoundary:
    """Wraps an ASGI application.

    An exception after the response has started stops Daphne's `application_checker` for good: the client hangs, and the
    process never cleans up after later requests (trap 3).
    """

    def __init__(self, application: Application) -> None:
        """application: any ASGI application."""
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Runs the application; an exception after the start of the response is logged, and the response is ended."""
        started = finished = False

        async def watched(message: dict[str, Any]) -> None:
            nonlocal started, finished
            started = started or message["type"] == "http.response.start"
            finished = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        try:
            await self.application(scope, receive, watched)
        except Exception:
            if scope["type"] != "http" or not started:
                raise
            logger.exception("%s %s broke in the middle of its response", scope.get("method"), scope.get("path"))
            if not finished:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
