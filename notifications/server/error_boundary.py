"""An error boundary around an ASGI application: an error in the middle of a response ends that response alone."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

logger = logging.getLogger(__name__)

Application = Callable[..., Awaitable[None]]


class ErrorBoundary:
    """Wraps an application for Daphne.

    An exception raised after the response has started kills Daphne's `application_checker`: the client hangs, and no
    later request of the process is ever reaped (trap 3).
    """

    def __init__(self, application: Application) -> None:
        """application: any ASGI application."""
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Runs the application. An error after the response has started is logged, and the response is ended.

        An error before that is raised: the server answers 500.
        """
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
            logger.exception("%s %s failed in the middle of its response", scope.get("method"), scope.get("path"))
            if not finished:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
