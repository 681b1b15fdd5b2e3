"""Opening streams: requests that are waiting are authenticated and planned in one batch."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.handlers.asgi import ASGIRequest

from notifications import kinds, log, preferences, subscriptions
from notifications.concurrency import Batcher
from notifications.log.control import session_digest
from notifications.models import Event
from notifications.stream import entry
from notifications.stream.authentication import authenticate_all, grant_of_stream, session_seconds, token_seconds
from notifications.stream.plan import AcceptedRequest, Plan
from notifications.stream.request import Refused, StreamRequest, cursor_of, is_same_user, language_of
from notifications.tokens import Grant, InvalidToken
from notifications.tokens.responses import INVALID_TOKEN

# Requests of one batch. With more, the first of them would wait long for the last.
MAX_BATCH = 64

# Plans the streams of authenticated requests: returns for each, in its place, the plan or why there is none (Refused).
Planner = Callable[[Sequence[StreamRequest]], Sequence[Plan | Exception]]


def everything_for(requests: Sequence[StreamRequest]) -> Sequence[Plan | Exception]:
    """Plans streams that carry all channels of their persons."""
    people = [each.request.user for each in requests if isinstance(each.request.user, AbstractBaseUser)]
    channels, silenced = subscriptions.channels_of_all(people), preferences.silenced_of_all(people)
    return [Plan(dict(channels[person.pk]), silenced=silenced[person.pk], follows_person=True) for person in people]


def each(plan: Callable[[ASGIRequest, Mapping[str, Any]], Plan]) -> Planner:
    """Makes a planner of a function that plans one stream.

    plan: is called in a thread with the authenticated request and the arguments of its URL; may raise Refused.
    """

    def plan_one(request: StreamRequest) -> Plan | Exception:
        try:
            return plan(request.request, request.kwargs)
        except Exception as error:  # noqa: BLE001  it is this request's alone
            return error

    return lambda requests: [plan_one(request) for request in requests]


class Opener:
    """Authenticates and plans the requests for one kind of stream."""

    def __init__(self, planner: Planner) -> None:
        self._planner = planner
        self._batcher = Batcher(self.open_all, name="opener", most=MAX_BATCH)

    async def open(self, request: StreamRequest) -> AcceptedRequest:
        """Returns what the stream will carry; raises Refused."""
        return await self._batcher.submit(request)

    def open_all(self, requests: Sequence[StreamRequest]) -> list[AcceptedRequest | Exception]:
        """Returns for each request, in its place, what open() returns or raises. Uses the database: runs in a thread."""
        authenticate_all([each.request for each in requests])
        known = [each for each in requests if is_same_user(each.request)]
        plans = dict(zip(map(id, known), self._planner(known) if known else (), strict=True))
        bounds = log.bounds()
        return [accept(each, plans.get(id(each)) or refusal(each.request), bounds) for each in requests]


def refusal(request: ASGIRequest) -> Exception:
    """Returns why a request gets no stream, if it is not that of a known user."""
    grant = grant_of_stream(request)
    if isinstance(grant, InvalidToken):
        return Refused(401, str(grant), ((b"www-authenticate", INVALID_TOKEN.encode()),))
    if isinstance(grant, Exception):
        return grant
    # 204 is the only answer after which an EventSource stops reconnecting without an error (trap 22).
    return Refused(204)


def accept(stream_request: StreamRequest, plan: Plan | Exception, bounds: log.Bounds) -> AcceptedRequest | Exception:
    """Returns the request with its plan, or why it gets no stream."""
    if isinstance(plan, Exception):
        return plan
    request, cursor = stream_request.request, cursor_of(stream_request.request)
    if plan.start is not None and cursor is not None and is_finished(plan, cursor, bounds):
        return Refused(204)
    grant = grant_of_stream(request)
    return AcceptedRequest(
        plan=plan,
        user_id=request.user.pk,
        # No session ends this stream where a token has opened it.
        session="" if isinstance(grant, Grant) else session_digest(request.session),
        session_seconds=token_seconds(grant) if isinstance(grant, Grant) else session_seconds(request.session),
        language=language_of(request),
        form=request.GET.get("format", entry.JSON),
        cursor=cursor,
        bounds=bounds,
        once=request.GET.get("mode") == "reconnect",
    )


def is_finished(plan: Plan, cursor: log.Cursor, bounds: log.Bounds) -> bool:
    """Whether a client at this cursor has received the last event of a channel that ends."""
    if not bounds.has_epoch_of(cursor):
        return False
    finished = Event.objects.filter(channel__in=plan.channels, kind__in=kinds.terminal_names())
    return finished.filter(position__lte=cursor.position, retracted_at=None).exists()
