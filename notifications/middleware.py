"""What a page starts from: the log's position before it reads anything else, and the reader's choices; and each request's id."""

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
    """Sets `request.cursor` and `request.preferences` for logged-in readers, and their time zone.

    Taken before the view runs: what happens while the page is made is on the page, on its stream, or on both (the
    client drops what it has), but never on neither (trap 25).
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.method != "GET" or not request.user.is_authenticated:
            return get_response(request)
        look = preferences.look(request.user)
        request.cursor, request.preferences = look  # type: ignore[attr-defined]
        spoken = translation.get_language()
        # Pages alone: a client of the API need not say any language.
        if spoken and spoken != (look.preferences.language or settings.LANGUAGE_CODE) and request.accepts("text/html"):
            preferences.remember_language(request.user, spoken)
        with timezone.override(look.preferences.quiet.tzinfo):
            return get_response(request)

    return middleware


def trace_middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Gives a request an id, its proxy's if that sent one, which every log line about it has; answers with it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        trace = tracing.begin_trace(request.headers.get("X-Request-ID", ""))
        response = get_response(request)
        response["X-Request-ID"] = trace
        return response

    return middleware


class AuthenticatedRequest(HttpRequest):
    """For annotations: a request whose reader is logged in, as login_required leaves it."""

    user: "User"
    # Set for GET, by middleware.py.
    cursor: int
    preferences: "Preferences"
