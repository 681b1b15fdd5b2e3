"""How a stream is opened: the request is checked, authenticated and planned; those that wait go through the door together."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.utils import translation

from notifications import choices, frames, kinds, log, subscriptions
from notifications.admission import origin_headers
from notifications.control import session_digest
from notifications.models import Event
from notifications.plans import Headers, Opened, Plan
from notifications.sessions import authenticate_all
from notifications.together import Together

CURSOR = re.compile(r"[0-9]{1,18}")
# Parameters of eventstream's own protocol (GRIP), which these streams do not speak.
FOREIGN_PARAMETERS = ("es-meta", "recover", "link")
# What a query may choose; the first is the default.
CHOICES = {"mode": ("stream", "reconnect"), "format": (frames.JSON, frames.TEXT)}
# Requests that go through the door together.
MOST_TOGETHER = 64


class Refused(Exception):
    """The request gets this answer instead of a stream."""

    def __init__(self, status: int, reason: str = "", headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        """204 makes a browser stop asking; 4xx says in `reason` what is wrong."""
        super().__init__(reason)
        self.status = status
        self.headers = headers


@dataclass(frozen=True, slots=True)
class Ask:
    """A request for a stream, and what its address says."""

    request: ASGIRequest
    kwargs: Mapping[str, Any]


# Plans the streams of authenticated requests: for each, in its place, the plan or why there is none (Refused).
Planner = Callable[[Sequence[Ask]], Sequence[Plan | Exception]]


def everything_for(asks: Sequence[Ask]) -> Sequence[Plan | Exception]:
    """Plans streams of all that the people hear."""
    people = [ask.request.user for ask in asks if isinstance(ask.request.user, AbstractBaseUser)]
    channels, silenced = subscriptions.channels_of_all(people), choices.silenced_of_all(people)
    return [Plan(dict(channels[person.pk]), silenced=silenced[person.pk]) for person in people]


def each(plan: Callable[[ASGIRequest, Mapping[str, Any]], Plan]) -> Planner:
    """Makes a planner of a function that plans one stream, and may raise Refused."""

    def plan_one(ask: Ask) -> Plan | Exception:
        try:
            return plan(ask.request, ask.kwargs)
        except Exception as error:  # noqa: BLE001  it is this request's alone
            return error

    return lambda asks: [plan_one(ask) for ask in asks]


class Door:
    """Lets in those who ask for one kind of stream."""

    def __init__(self, planner: Planner) -> None:
        """planner: says what each will hear."""
        self.planner = planner
        self._together = Together(self.open_all, name="door", most=MOST_TOGETHER)

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


def is_who_asked(request: ASGIRequest) -> bool:
    """Whether somebody is logged in, and it is the person whose page asks.

    A tab of an earlier log-in, reconnecting with the cookie of the next, must not hear what is another's.
    """
    person = request.user
    return bool(person.is_authenticated) and request.GET.get("user", str(person.pk)) == str(person.pk)


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
        form=request.GET.get("format", frames.JSON),
        cursor=cursor,
        bounds=bounds,
        once=request.GET.get("mode") == "reconnect",
    )


def language_of(request: ASGIRequest) -> str:
    """Returns the language of the page that asks, else that of the request.

    A stream that several tabs share lives in a worker, longer than the cookie that said the language when it was opened.
    """
    asked = request.GET.get("language", "")
    return asked if asked in dict(settings.LANGUAGES) else translation.get_language_from_request(request)


def is_finished(plan: Plan, cursor: int) -> bool:
    """Whether a reader at this cursor has had the last event of a channel that ends."""
    finished = Event.objects.filter(channel__in=plan.channels, kind__in=kinds.terminal_names(), position__lte=cursor)
    return finished.exists()


def checked_request(scope: dict[str, Any]) -> ASGIRequest:
    """Returns the request if it is well formed; raises Refused with what is wrong, before any thread is taken."""
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


def cursor_of(request: ASGIRequest) -> int | None:
    """Returns the position to resume after: the Last-Event-ID header, else ?lastEventId=; None without either.

    The header is newer: a browser that reconnects by itself repeats the address of its first request. Raises ValueError.
    """
    cursor = request.headers.get("Last-Event-ID", "") or request.GET.get("lastEventId", "")
    if not cursor:
        return None
    if not CURSOR.fullmatch(cursor):
        raise ValueError("Last-Event-ID must be the id of an event: a whole number.")
    return int(cursor)
