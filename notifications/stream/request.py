"""A request for a stream: checked before a thread or the database works for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest
from django.utils import translation

from notifications.log import Cursor, parse_cursor
from notifications.stream import entry
from notifications.stream.asgi import Headers


def allowed_origins() -> list[str]:
    """Origins of other sites whose pages may read streams: eventstream's own settings, in the forms that its view takes.

    "*" is no origin: browsers refuse it where cookies are sent.
    """
    single, several = (getattr(settings, f"EVENTSTREAM_ALLOW_{name}", None) for name in ("ORIGIN", "ORIGINS"))
    named = single or several or ()
    return [named] if isinstance(named, str) else list(named)


def origin_headers(request: HttpRequest) -> Headers | None:
    """Returns the CORS headers for the request's origin; None if the origin is not allowed.

    A page of this site sends no Origin with a GET, or this site's. https://fetch.spec.whatwg.org/#http-cors-protocol
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


# Parameters of eventstream's own protocol (GRIP), which these streams do not speak.
FOREIGN_PARAMETERS = ("es-meta", "recover", "link")
# The values that query parameters may have; the first is the default.
CHOICES = {"mode": ("stream", "reconnect"), "format": (entry.JSON, entry.TEXT)}


class Refused(Exception):
    """The request gets an HTTP response with this status instead of a stream."""

    def __init__(self, status: int, reason: str = "", headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        """status: 204 makes an EventSource stop reconnecting; any other is 4xx. reason: the body, in plain text."""
        super().__init__(reason)
        self.status = status
        self.headers = headers


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """A request for a stream, with the arguments of its URL."""

    request: ASGIRequest
    kwargs: Mapping[str, Any]


def is_same_user(request: ASGIRequest) -> bool:
    """Whether the request is authenticated, as the user of its page (?user=) if that is given.

    A tab of an earlier log-in, which reconnects with the cookie of the next one, must not receive another person's events.
    """
    person = request.user
    return bool(person.is_authenticated) and request.GET.get("user", str(person.pk)) == str(person.pk)


def language_of(request: ASGIRequest) -> str:
    """Returns the language of the page (?language=), else that of the request.

    A stream that several tabs share lives in a worker, longer than the cookie with the language when it was opened.
    """
    asked = request.GET.get("language", "")
    return asked if asked in dict(settings.LANGUAGES) else translation.get_language_from_request(request)


def checked_request(scope: dict[str, Any]) -> ASGIRequest:
    """Returns the request if it is well formed; raises Refused with what is wrong."""
    if scope["method"] != "GET":
        raise Refused(405, "A stream is opened with GET.", ((b"allow", b"GET"),))
    try:
        request = ASGIRequest(scope, BytesIO())
        request.get_host()
        foreign = [name for name in FOREIGN_PARAMETERS if name in request.GET]
        cursor_of(request)
    except DisallowedHost:
        raise Refused(400, "This host is not served here.") from None
    except (ValueError, UnicodeError) as error:
        raise Refused(400, str(error)) from None
    if foreign:
        raise Refused(400, f"The parameter {foreign[0]} is not taken here.")
    for name, allowed in CHOICES.items():
        if request.GET.get(name, allowed[0]) not in allowed:
            raise Refused(400, f"{name} is one of {', '.join(allowed)}.")
    return request


def origin_headers_of(request: ASGIRequest) -> Headers:
    """Returns the headers for the request's origin; raises Refused for an origin that may not read streams."""
    headers = origin_headers(request)
    if headers is None:
        raise Refused(403, "Pages of this origin may not read streams here.")
    return headers


def cursor_of(request: ASGIRequest) -> Cursor | None:
    """Returns the cursor to resume from: the Last-Event-ID header, else ?lastEventId=; None without either.

    The header is newer: a browser that reconnects by itself repeats the URL of its first request. Raises ValueError.
    """
    cursor = request.headers.get("Last-Event-ID", "") or request.GET.get("lastEventId", "")
    if not cursor:
        return None
    try:
        return parse_cursor(cursor)
    except ValueError as error:
        raise ValueError(f"Last-Event-ID must be the id of an event: {error}.") from None
