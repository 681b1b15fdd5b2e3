"""Streams beside Django, for the ASGI application of any site."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.urls import path, re_path, reverse


def with_streams(django_application: Callable[..., Awaitable[None]], routes: Sequence[Any] = ()) -> ProtocolTypeRouter:
    """Returns an application that answers the addresses of streams itself and leaves all else to Django's.

    django_application: what get_asgi_application() returned; call it first, since it loads the apps. routes: further
    path()s of ASGI applications, such as an EventStream for the streams of one thing (docs/extending.md).
    """
    from notifications.server.error_boundary import ErrorBoundary

    pages: Any = django_application
    if settings.DEBUG and "django.contrib.staticfiles" in settings.INSTALLED_APPS:
        # As runserver does: `serve` runs from a checkout without collectstatic, too.
        pages = ASGIStaticFilesHandler(pages)
    return beside_streams(ErrorBoundary(pages), routes)


def beside_streams(pages: Any, routes: Sequence[Any] = ()) -> ProtocolTypeRouter:
    """Mounts this app's streams, then the routes, then for all else the pages, an application that guards itself."""
    # These import models.
    from notifications.monitoring.dashboard import operators_plan
    from notifications.stream import EventStream, each

    streams: dict[str, Any] = {"stream": EventStream(), "operators_stream": EventStream(each(operators_plan))}
    own = [path(reverse(f"notifications:{name}").removeprefix("/"), stream) for name, stream in streams.items()]
    return ProtocolTypeRouter({"http": URLRouter([*own, *routes, re_path("", pages)])})
