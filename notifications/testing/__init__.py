"""For the tests of a site: what was notified to whom, and real streams from a real server process (docs/testing.md).

`notifications.pytest_plugin` makes fixtures of `notified` and `streams`, `cases` mixins for unittest. `server_process` starts and ends processes,
`server_main` is the program of the one that serves streams, `sse_client` reads them by `sse_parser`, `login` starts
sessions. `conformance` asks any server of Server-Sent Events for what the standards ask (docs/conformance.md).

Invariant: importing this package needs no settings. The names below are imported when they are first used, since the
modules behind them need the apps to be loaded.

May import: everything but api, views, server and admin.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from notifications.testing.cases import NotifiedMixin, StreamsMixin
    from notifications.testing.login import start_session
    from notifications.testing.notified import Notification, Notified
    from notifications.testing.server_process import ChildProcess, LocalServer, free_port
    from notifications.testing.sse_client import SseClient
    from notifications.testing.sse_parser import ServerSentEvent
    from notifications.testing.streams import Streams

__all__ = [
    "ChildProcess",
    "LocalServer",
    "Notification",
    "Notified",
    "NotifiedMixin",
    "ServerSentEvent",
    "SseClient",
    "Streams",
    "StreamsMixin",
    "free_port",
    "start_session",
]

_MODULES = {
    "ChildProcess": "server_process",
    "LocalServer": "server_process",
    "Notification": "notified",
    "Notified": "notified",
    "NotifiedMixin": "cases",
    "ServerSentEvent": "sse_parser",
    "SseClient": "sse_client",
    "Streams": "streams",
    "StreamsMixin": "cases",
    "free_port": "server_process",
    "start_session": "login",
}


def __getattr__(name: str) -> Any:
    """Imports a public name (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
