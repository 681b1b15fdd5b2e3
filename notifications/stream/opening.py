"""How a stream is opened: the request is checked, authenticated and planned; those that wait go through the door together."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.handlers.asgi import ASGIRequest

from notifications import kinds, log, preferences, subscriptions
from notifications.concurrency import Batcher
from notifications.log.control import session_digest
from notifications.models import Event
from notifications.stream import entry
from notifications.stream.authentication import authenticate_all
from notifications.stream.plan import Opened, Plan
from notifications.stream.request import Ask, Refused, cursor_of, is_who_asked, language_of

# Requests that go through the door together.
MOST_TOGETHER = 64


# Plans the streams of authenticated requests: for each, in its place, the plan or why there is none (Refused).
Planner = Callable[[Sequence[Ask]], Sequence[Plan | Exception]]


def everything_for(asks: Sequence[Ask]) -> Sequence[Plan | Exception]:
    """Plans streams of all that the people hear."""
    people = [ask.request.user for ask in asks if isinstance(ask.request.user, AbstractBaseUser)]
    channels, silenced = subscriptions.channels_of_all(people), preferences.silenced_of_all(people)
    return [Plan(dict(channels[person.pk]), silenced=silenced[person.pk]) for person in people]


def each(plan: Callable[[ASGIRequest, Mapping[str, Any]], Plan]) -> Planner:
    """Makes a planner of a function that plans one stream, and may raise Refused."""

    def plan_one(ask: Ask) -> Plan | Exception:
        try:
            return plan(ask.request, ask.kwargs)
        except Exception as error:  # noqa: BLE001  it is this request's alone
            return error

    return lambda asks: [plan_one(ask) for ask in asks]


class Opener:
    """Lets in those who ask for one kind of stream."""

    def __init__(self, planner: Planner) -> None:
        """planner: says what each will hear."""
        self.planner = planner
        self._together = Batcher(self.open_all, name="door", most=MOST_TOGETHER)

    async def open(self, ask: Ask) -> Opened:
        """Returns what the stream will carry; raises Refused."""
        return await self._together.do(ask)

    def open_all(self, asks: Sequence[Ask]) -> list[Opened | Exception]:
        """Authenticates and plans; runs in a thread, with the database."""
        authenticate_all([ask.request for ask in asks])
        known = [ask for ask in asks if is_who_asked(ask.request)]
        plans = dict(zip(map(id, known), self.planner(known) if known else (), strict=True))
        bounds = log.bounds()
        # 204 is the one answer after which an EventSource stops asking without an error (trap 22).
        return [opened(ask, plans.get(id(ask), Refused(204)), bounds) for ask in asks]


def opened(ask: Ask, plan: Plan | Exception, bounds: log.Bounds) -> Opened | Exception:
    """Returns what is known of a stream that may open."""
    if isinstance(plan, Exception):
        return plan
    request, cursor = ask.request, cursor_of(ask.request)
    if plan.start is not None and cursor is not None and is_finished(plan, cursor):
        return Refused(204)
    return Opened(
        plan=plan,
        user_id=request.user.pk,
        session=session_digest(request.session.session_key or ""),
        language=language_of(request),
        form=request.GET.get("format", entry.JSON),
        cursor=cursor,
        bounds=bounds,
        once=request.GET.get("mode") == "reconnect",
    )


def is_finished(plan: Plan, cursor: int) -> bool:
    """Whether a reader at this cursor has had the last event of a channel that ends."""
    finished = Event.objects.filter(channel__in=plan.channels, kind__in=kinds.terminal_names(), position__lte=cursor)
    return finished.exists()
