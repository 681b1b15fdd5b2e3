"""What the tests of a site need: what was notified to whom, and real streams from a real server (docs/testing.md).

`notifications.pytest_plugin` makes fixtures of it; `server_main` is the process that serves the streams. The names below
are imported when they are first used, since the modules behind them need the apps to be loaded.

May import: everything but api, views, server and admin.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from notifications.testing.login import start_session
    from notifications.testing.notified import Notification, Notified
    from notifications.testing.process import ChildProcess, RunningServer, free_port
    from notifications.testing.sse_client import ServerSentEvent, SseClient
    from notifications.testing.streams import Streams

__all__ = [
    "ChildProcess",
    "Notification",
    "Notified",
    "RunningServer",
    "ServerSentEvent",
    "SseClient",
    "Streams",
    "free_port",
    "start_session",
]

_MODULES = {
    "ChildProcess": "process",
    "RunningServer": "process",
    "free_port": "process",
    "Notification": "notified",
    "Notified": "notified",
    "ServerSentEvent": "sse_client",
    "SseClient": "sse_client",
    "Streams": "streams",
    "start_session": "login",
}


def __getattr__(name: str) -> Any:
    """Imports a public name (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
