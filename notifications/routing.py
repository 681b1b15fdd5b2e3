"""Mounts the streams beside Django, in the ASGI application of a site."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.urls import get_script_prefix, path, re_path, reverse


class SiteRouter(ProtocolTypeRouter):  # type: ignore[misc]
    """Routes requests to streams and pages; and says which stream has a path, for a server that opens streams by itself."""

    def __init__(self, routes: Sequence[Any], websocket: Any = None) -> None:
        # Imported here, because it imports models.
        from notifications.server.adapter import ServerAdapter
        from notifications.server.shutdown import Lifespan

        self.routes = routes
        protocols = {"http": ServerAdapter(URLRouter(routes)), "lifespan": Lifespan()}
        super().__init__(protocols | ({} if websocket is None else {"websocket": websocket}))

    def find_stream(self, path: str) -> tuple[Any, dict[str, Any]] | None:
        """Returns the stream to which the router passes requests for a path, with the arguments of its URL, if it is one."""
        from notifications.stream import EventStream

        for route in self.routes:
            if match := route.pattern.match(path.lstrip("/")):
                is_stream = isinstance(route.callback, EventStream)
                return (route.callback, {**match[2], **route.default_args}) if is_stream else None
        return None


def with_streams(
    django_application: Callable[..., Awaitable[None]], routes: Sequence[Any] = (), websocket: Any = None
) -> SiteRouter:
    """Returns an application that answers the addresses of streams, and passes all other requests to Django's.

    django_application: the result of get_asgi_application(); call that first, since it loads the apps. routes: further
    path()s of ASGI applications, such as an EventStream for the streams of one kind of object (docs/extending.md).
    websocket: an ASGI application for WebSocket connections, such as Channels' AuthMiddlewareStack.
    """
    from notifications.server.error_boundary import ErrorBoundary

    pages: Any = django_application
    if settings.DEBUG and "django.contrib.staticfiles" in settings.INSTALLED_APPS:
        # As runserver does, so that `serve` runs from a checkout without collectstatic.
        pages = ASGIStaticFilesHandler(pages)
    return beside_streams(ErrorBoundary(pages), routes, websocket)


def beside_streams(pages: Any, routes: Sequence[Any] = (), websocket: Any = None) -> SiteRouter:
    """Mounts this app's streams, then the routes, then the pages for all other paths.

    pages: an ASGI application with an error boundary of its own.
    """
    # Imported here, because they import models.
    from notifications.monitoring.dashboard import operators_plan
    from notifications.stream import EventStream, each

    streams: dict[str, Any] = {"stream": EventStream(), "operators_stream": EventStream(each(operators_plan))}
    own = [path(address, stream) for name, stream in streams.items() for address in addresses(name)]
    return SiteRouter([*own, *routes, re_path("", pages)], websocket)


def addresses(name: str) -> list[str]:
    """Returns the paths at which a stream is requested, without the first slash.

    With FORCE_SCRIPT_NAME there are two, as for Django's pages: proxies remove that prefix, or leave it. Django's reverse()
    has it after `manage.py`, and not in another server's process.
    """
    address = reverse(f"notifications:{name}").removeprefix(get_script_prefix())
    prefix = (settings.FORCE_SCRIPT_NAME or "").strip("/")
    return [address, f"{prefix}/{address}"] if prefix else [address]
