"""The JSON API under /api/: the inbox for other clients, with the permissions and cursors of the streams.

It takes the session cookie; whatever changes something also needs the CSRF token in `X-CSRFToken`.
"""

from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousOperation, ValidationError
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.utils import translation
from django.views.decorators.http import conditional_page
from ninja import NinjaAPI, Router
from ninja.decorators import decorate_view
from ninja.errors import HttpError
from ninja.security import django_auth

from notifications import inbox, log, preferences, subscriptions
from notifications.api import schemas
from notifications.api.schemas import Limit, Position, Problem
from notifications.middleware import AuthenticatedRequest
from notifications.models import Reading
from notifications.stream import entry

State = Reading.State
REFUSED = {401: Problem, 403: Problem, 422: Problem}

api = NinjaAPI(title="Tidings", version="1", urls_namespace="api", description=__doc__ or "")
router = Router(auth=django_auth, tags=["notifications"])


@api.exception_handler(ValidationError)
def refuse(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Well-formed, but it contradicts what the site knows: a kind or zone that is not there, or may not be off."""
    return api.create_response(request, {"detail": " ".join(error.messages)}, status=409)


@api.exception_handler(MultiPartParserError)
@api.exception_handler(SuspiciousOperation)
def refuse_unread(request: HttpRequest, error: MultiPartParserError | SuspiciousOperation) -> HttpResponse:
    """A body that Django refuses to read, which ninja would call an error of the server while DEBUG is on."""
    return api.create_response(request, {"detail": str(error)}, status=400)


def same_reader(request: HttpRequest, user: int | None) -> None:
    """Refuses a page of somebody else's session: the reader of this browser has changed under it."""
    if user is not None and user != request.user.pk:
        raise HttpError(403, "this session is another person's")


def unread_now(request: AuthenticatedRequest) -> dict[str, Any]:
    """How much is unread, and at which position of the log."""
    cursor, chosen = preferences.look(request.user)
    count = inbox.unread_count(request.user, silenced=chosen.silenced)
    return {"unread": count, "label": inbox.unread_label(count), "cursor": cursor}


@router.get("inbox", response={200: schemas.Inbox, **REFUSED})
def get_inbox(
    request: AuthenticatedRequest,
    before: Position | None = None,
    limit: Limit = inbox.PAGE,
    unread: bool = False,  # noqa: FBT001, FBT002  a query parameter, always passed by name
    kind: str = "",
) -> Any:
    """A page of what the person was told, newest first."""
    silenced = request.preferences.silenced
    items, following = inbox.page(request.user, limit, unread_only=unread, before=before, kind=kind, silenced=silenced)
    return {
        "items": [{**entry.message(event), "unread": inbox.is_unread(event)} for event in items],
        "next": following,
        "cursor": request.cursor,
        "unread": inbox.unread_count(request.user, silenced=silenced),
    }


@router.get("unread", response={200: schemas.Unread, 304: None, **REFUSED})
@decorate_view(conditional_page)
def get_unread(request: AuthenticatedRequest, user: Position | None = None) -> Any:
    """How much is unread."""
    same_reader(request, user)
    return unread_now(request)


@router.get("events", response={200: schemas.Events, 304: None, **REFUSED})
@decorate_view(conditional_page)
def get_events(
    request: AuthenticatedRequest,
    after: Position,
    limit: Limit = 100,
    user: Position | None = None,
    language: str = "",
) -> Any:
    """What the stream would have sent after a cursor, in the request's language or another: for who cannot hold a stream."""
    same_reader(request, user)
    bounds = log.bounds()
    if not bounds.horizon <= after <= bounds.head:
        return {"items": [], "cursor": bounds.head, "reset": True}
    channels, silenced = subscriptions.channels_of(request.user), request.preferences.silenced
    events = log.read(after, through=bounds.head, channels=list(channels), limit=limit)
    heard = [event for event in events if subscriptions.is_heard(event, channels) and event.kind not in silenced]
    # A full page may not be the last: go on from where it ends.
    cursor = events[-1].position if len(events) == limit else bounds.head
    with translation.override(language if language in dict(settings.LANGUAGES) else translation.get_language()):
        return {"items": [entry.message(event) for event in heard], "cursor": cursor, "reset": False}


@router.post("read", response={200: schemas.Unread, 400: Problem, **REFUSED})
def post_read(request: AuthenticatedRequest, body: schemas.These | schemas.Through) -> Any:
    """Marks some events as read, or all up to a position; what is not in the person's inbox is passed over."""
    if isinstance(body, schemas.Through):
        inbox.mark_all_read(request.user, body.through)
    else:
        inbox.change(request.user, body.positions, State.READ)
    return unread_now(request)


@router.post("unread", response={200: schemas.Unread, 400: Problem, **REFUSED})
def post_unread(request: AuthenticatedRequest, body: schemas.These) -> Any:
    """Makes events unread again."""
    inbox.change(request.user, body.positions, State.UNREAD)
    return unread_now(request)


@router.post("dismiss", response={200: schemas.Unread, 400: Problem, **REFUSED})
def post_dismiss(request: AuthenticatedRequest, body: schemas.These) -> Any:
    """Takes events out of the inbox, for good."""
    inbox.change(request.user, body.positions, State.DISMISSED)
    return unread_now(request)


@router.get("preferences", response={200: schemas.Preferences, **REFUSED}, by_alias=True)
def get_preferences(request: AuthenticatedRequest) -> Any:
    """What the person wants to be told of, and how."""
    return request.preferences.as_json()


@router.put("preferences", response={200: schemas.Preferences, 400: Problem, 409: Problem, **REFUSED}, by_alias=True)
def put_preferences(request: AuthenticatedRequest, body: schemas.PreferencesIn) -> Any:
    """Replaces the choices; they hold at once, on open streams too. Payment results cannot be switched off."""
    document = body.model_dump(by_alias=True)
    if body.email is None:
        document["email"] = preferences.of(request.user).email
    wanted = preferences.parse(document)
    return preferences.save(request.user, wanted).as_json()


@router.post("mute", response={200: schemas.Muted, 400: Problem, 404: Problem, **REFUSED})
def post_mute(request: AuthenticatedRequest, body: schemas.Mute) -> Any:
    """Silences an author or the person's own sales, or lets them speak again from now on."""
    heard = {source.channel for source in subscriptions.sources(request.user)}
    if body.channel not in heard:
        raise HttpError(404, "this channel is not heard, or cannot be muted")
    changed = subscriptions.set_muted(request.user, body.channel, muted=body.muted)
    return {"channel": body.channel, "muted": body.muted, "changed": changed}


api.add_router("", router)
