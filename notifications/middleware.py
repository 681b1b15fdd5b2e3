"""Middleware: the log's position and the reader's preferences for each page, and an id for each request."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

from notifications import preferences, tracing

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from notifications.preferences import Preferences


def cursor_middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Sets `request.cursor` and `request.preferences` for GETs of logged-in readers, and activates their time zone.

    The position is read before the view runs. An event that is appended while the page is made is therefore on the
    page, on the stream that the page opens from this position, or on both (the client drops duplicates); it cannot be
    missing from both.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.method != "GET" or not request.user.is_authenticated:
            return get_response(request)
        look = preferences.look(request.user)
        request.cursor, request.preferences = look  # type: ignore[attr-defined]
        language = translation.get_language()
        # Pages only: a client of the API need not send a language.
        if (
            language
            and language != (look.preferences.language or settings.LANGUAGE_CODE)
            and request.accepts("text/html")
        ):
            preferences.remember_language(request.user, language)
        with timezone.override(look.preferences.quiet.tzinfo):
            return get_response(request)

    return middleware


def trace_middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Gives each request an id: that of the proxy's X-Request-ID, else a new one. Log lines and the response have it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        trace = tracing.begin_trace(request.headers.get("X-Request-ID", ""))
        response = get_response(request)
        response["X-Request-ID"] = trace
        return response

    return middleware


class AuthenticatedRequest(HttpRequest):
    """A request of a logged-in reader: for the annotations of views behind login_required."""

    user: "User"
    # cursor_middleware sets both, for GET.
    cursor: int
    preferences: "Preferences"
