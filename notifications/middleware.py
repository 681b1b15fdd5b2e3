"""Middleware: the log's position and the reader's preferences for each page, and an id for each request."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation
from django.utils.cache import patch_cache_control

from notifications import preferences, tokens, tracing

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from notifications.preferences import Preferences

# Of the URLs whose responses are a reader's own.
NAMESPACES = ("notifications", "notifications_api")


def cursor_middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Sets `request.cursor`, `request.epoch` and `request.preferences` for GETs of logged-in readers; activates their time zone.

    The position is read before the view runs. An event that is appended while the page is made is therefore on the
    page, on the stream that the page opens from this position, or on both (the client drops duplicates); it cannot be
    missing from both. A request of the API with a token becomes that of the token's user here.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        refused = tokens.authenticate_request(request, NAMESPACES[1])
        if refused is not None:
            return refused
        if request.method != "GET" or not request.user.is_authenticated:
            return kept_private(request, get_response(request))
        look = preferences.look(request.user)
        request.cursor, request.preferences, request.epoch = look  # type: ignore[attr-defined]
        language = translation.get_language()
        # Pages only: a client of the API need not send a language.
        if (
            language
            and language != (look.preferences.language or settings.LANGUAGE_CODE)
            and request.accepts("text/html")
        ):
            preferences.remember_language(request.user, language)
        with timezone.override(look.preferences.quiet.tzinfo):
            return kept_private(request, get_response(request))

    return middleware


def kept_private(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Has no cache keep a response of this app to a logged-in reader, unless its view has decided itself.

    After a log-out, "back" then asks the server again instead of showing the page (RFC 9111, section 5.2.2.5).
    """
    match = request.resolver_match
    if match is not None and match.namespaces[:1] and match.namespaces[0] in NAMESPACES:
        keep_private(request, response)
    return response


def keep_private(request: HttpRequest, response: HttpResponse) -> None:
    """Sets Cache-Control: private, no-store for a logged-in reader, unless the header is set."""
    if request.user.is_authenticated and not response.has_header("Cache-Control"):
        patch_cache_control(response, private=True, no_store=True)


def private_middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Does for all pages of a site what this app does for its own: no cache keeps what a logged-in reader was sent.

    For sites whose base template shows the reader's notifications on every page. Goes behind AuthenticationMiddleware.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        keep_private(request, response)
        return response

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
    # cursor_middleware sets these, for GET.
    cursor: int
    epoch: str
    preferences: "Preferences"
