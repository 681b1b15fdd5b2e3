"""The JSON API under /api/: the inbox for other clients, with the permissions and cursors of the streams.

It takes a token as `Authorization: Bearer …`, or else the session cookie; a request by cookie that changes something also
needs the CSRF token in `X-CSRFToken`.
"""

from contextlib import AbstractContextManager
from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousOperation, ValidationError
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.utils import translation
from django.views.decorators.http import conditional_page
from ninja import NinjaAPI, Router
from ninja.decorators import decorate_view
from ninja.errors import AuthenticationError, HttpError
from ninja.security import django_auth
from ninja.security.http import HttpAuthBase

from notifications import inbox, log, preferences, subscriptions, tokens
from notifications.api import schemas
from notifications.api.schemas import After, Limit, Position, Problem
from notifications.middleware import AuthenticatedRequest
from notifications.models import Reading
from notifications.stream import entry
from notifications.tokens.responses import granted

REFUSED = {401: Problem, 403: Problem, 422: Problem}

# Of its URLs. Not "api": a site may have an API of its own.
NAMESPACE = "notifications_api"


class TokenAuth(HttpAuthBase):
    """A token, as the middleware has accepted it. Where there is none, ninja asks the next authentication: the cookie."""

    openapi_scheme = "bearer"

    def __call__(self, request: HttpRequest) -> Any:
        grant = granted(request)
        if grant is None and tokens.bears_token(request):
            # The middleware that accepts tokens is missing (E012): the cookie must not answer for the token.
            raise AuthenticationError
        return grant and grant.user


api = NinjaAPI(title="Notifications", version="1", urls_namespace=NAMESPACE, description=__doc__ or "")
router = Router(auth=[TokenAuth(), django_auth], tags=["notifications"])


@api.exception_handler(AuthenticationError)
def refuse_unknown(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    """Answers 401 to a request that has neither a session nor a token, with the challenge that RFC 9110 asks for."""
    response = api.create_response(request, {"detail": str(error)}, status=401)
    response["WWW-Authenticate"] = "Bearer"
    return response


@api.exception_handler(ValidationError)
def refuse(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Answers 409 to a well-formed body with a kind or zone that does not exist, or with a required kind that is off."""
    return api.create_response(request, {"detail": " ".join(error.messages)}, status=409)


@api.exception_handler(MultiPartParserError)
@api.exception_handler(SuspiciousOperation)
def refuse_unreadable(request: HttpRequest, error: MultiPartParserError | SuspiciousOperation) -> HttpResponse:
    """Answers 400 to a body that Django refuses to read; with DEBUG on, ninja would answer 500."""
    return api.create_response(request, {"detail": str(error)}, status=400)


def same_reader(request: HttpRequest, user: str) -> None:
    """Answers 403 to a page that was loaded in another user's session of the same browser.

    user: the primary key that the page was rendered for, as text; empty where the client does not say it.
    """
    if user and user != str(request.user.pk):
        raise HttpError(403, "this session is another person's")


def translated(language: str) -> AbstractContextManager[None]:
    """Activates a language of the site, for a block; for any other name, that of the request stays."""
    return translation.override(language if language in dict(settings.LANGUAGES) else translation.get_language())


def unread_now(request: AuthenticatedRequest) -> dict[str, Any]:
    """Returns the body of UnreadCount. The cursor is read first, so that the count has every event up to it."""
    cursor, chosen, _epoch = preferences.look(request.user)
    count = inbox.unread_count(request.user, silenced=chosen.silenced)
    return {"unread": count, "label": inbox.unread_label(count), "cursor": cursor}


@router.get("inbox", response={200: schemas.InboxPage, **REFUSED})
def get_inbox(
    request: AuthenticatedRequest,
    before: Position | None = None,
    limit: Limit = inbox.PAGE,
    unread: bool = False,  # noqa: FBT001, FBT002  a query parameter, always passed by name
    kind: str = "",
    *,
    user: str = "",
    language: str = "",
) -> Any:
    """A page of the inbox, newest first.

    `language` is that of the texts; without it, the request's.
    """
    same_reader(request, user)
    silenced = request.preferences.silenced
    items, following = inbox.page(request.user, limit, unread_only=unread, before=before, kind=kind, silenced=silenced)
    with translated(language):
        listed = [{**entry.message(event), "unread": inbox.is_unread(event)} for event in items]
    return {
        "items": listed,
        "next": following,
        "cursor": request.cursor,
        "epoch": request.epoch,
        "unread": inbox.unread_count(request.user, silenced=silenced),
    }


@router.get("unread", response={200: schemas.UnreadCount, 304: None, **REFUSED})
@decorate_view(conditional_page)
def get_unread(request: AuthenticatedRequest, user: str = "") -> Any:
    """The number of unread events."""
    same_reader(request, user)
    return unread_now(request)


@router.get("events", response={200: schemas.EventPage, 304: None, **REFUSED})
@decorate_view(conditional_page)
def get_events(
    request: AuthenticatedRequest,
    after: After,
    limit: Limit = 100,
    user: str = "",
    language: str = "",
) -> Any:
    """The events that the stream would send after a cursor, for clients that cannot hold a stream open.

    `language` is that of the texts; without it, the request's.
    """
    same_reader(request, user)
    start, bounds = log.parse_cursor(after), log.bounds()
    if not bounds.has(start):
        return {"items": [], "cursor": bounds.head, "epoch": bounds.epoch, "reset": True}
    channels, silenced = subscriptions.channels_of(request.user), request.preferences.silenced
    events = log.read(start.position, through=bounds.head, channels=list(channels), limit=limit)
    readable = [event for event in events if subscriptions.is_heard(event, channels) and event.kind not in silenced]
    # A full page may not be the last one: the next begins where it ends.
    cursor = events[-1].position if len(events) == limit else bounds.head
    with translated(language):
        items = [entry.message(event) for event in readable]
    return {"items": items, "cursor": cursor, "epoch": bounds.epoch, "reset": False}


@router.post("read", response={200: schemas.UnreadCount, 400: Problem, **REFUSED})
def post_read(request: AuthenticatedRequest, body: schemas.MarkPositions | schemas.MarkThrough) -> Any:
    """Marks some events as read, or all up to a position; events that are not in the person's inbox are ignored."""
    if isinstance(body, schemas.MarkThrough):
        inbox.mark_all_read(request.user, body.through)
    else:
        inbox.change(request.user, body.positions, Reading.State.READ)
    return unread_now(request)


@router.post("unread", response={200: schemas.UnreadCount, 400: Problem, **REFUSED})
def post_unread(request: AuthenticatedRequest, body: schemas.MarkPositions) -> Any:
    """Makes events unread again."""
    inbox.change(request.user, body.positions, Reading.State.UNREAD)
    return unread_now(request)


@router.post("dismiss", response={200: schemas.UnreadCount, 400: Problem, **REFUSED})
def post_dismiss(request: AuthenticatedRequest, body: schemas.MarkPositions) -> Any:
    """Removes events from the inbox for good."""
    inbox.change(request.user, body.positions, Reading.State.DISMISSED)
    return unread_now(request)


@router.get("preferences", response={200: schemas.PreferencesOut, **REFUSED}, by_alias=True)
def get_preferences(request: AuthenticatedRequest) -> Any:
    """The kinds that the person wants, by which ways, and the quiet hours."""
    return request.preferences.as_json()


@router.put("preferences", response={200: schemas.PreferencesOut, 400: Problem, 409: Problem, **REFUSED}, by_alias=True)
def put_preferences(request: AuthenticatedRequest, body: schemas.PreferencesIn) -> Any:
    """Replaces the preferences. They apply at once, on open streams too; a required kind cannot be switched off."""
    document = body.model_dump(by_alias=True, exclude_none=True)
    if body.email is None:
        document["email"] = preferences.of(request.user).email
    wanted = preferences.parse(document)
    return preferences.save(request.user, wanted).as_json()


@router.post("mute", response={200: schemas.MuteOut, 400: Problem, 404: Problem, **REFUSED})
def post_mute(request: AuthenticatedRequest, body: schemas.MuteIn) -> Any:
    """Mutes a subscribed channel, or unmutes it from now on."""
    offered = {source.channel for source in subscriptions.sources(request.user)}
    if body.channel not in offered:
        raise HttpError(404, "this channel is not subscribed to, or cannot be muted")
    changed = subscriptions.set_muted(request.user, body.channel, muted=body.muted)
    return {"channel": body.channel, "muted": body.muted, "changed": changed}


api.add_router("", router)
