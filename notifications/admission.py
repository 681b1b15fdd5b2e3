"""Who may open a stream from where, and how many: refused before anything is sent, or shed in terms a browser understands."""

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

from notifications import conf
from notifications.control import control_channel
from notifications.listeners import LogListenerManager
from notifications.plans import Headers


def allowed_origins() -> list[str]:
    """Origins of other sites whose pages may read streams: eventstream's own setting, so that its view agrees."""
    return list(getattr(settings, "EVENTSTREAM_ALLOW_ORIGINS", None) or ())


def origin_headers(request: HttpRequest) -> Headers | None:
    """Returns the headers that the request's origin calls for; None where it is not allowed.

    A page of this site sends no Origin with a GET, or its own. https://fetch.spec.whatwg.org/#http-cors-protocol
    """
    origin = request.headers.get("Origin")
    if not origin or urlsplit(origin).netloc == request.get_host():
        return ()
    if origin not in allowed_origins():
        return None
    return (
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-allow-credentials", b"true"),
        (b"vary", b"Origin"),
    )


class Shed(Exception):
    """There is no room for another stream: the client is to come back much later."""


def require_room(manager: LogListenerManager, user_id: object = None) -> None:
    """Raises Shed unless this process takes another stream, and one of this person."""
    theirs = manager.listeners_by_channel.get(control_channel(user_id), ())
    if manager.draining or len(manager.streams) >= conf.max_streams() or len(theirs) >= conf.max_streams_per_person():
        raise Shed
