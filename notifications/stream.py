"""The streams: a plain ASGI application that answers GET with Server-Sent Events out of the log.

It stands beside Django, not under it: Django's own ASGI handler would hold an OS thread and a database connection for
each stream as long as it lives (trap 1). Here a few threads authenticate, close their connections, and are free again.
"""

import asyncio
import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from io import BytesIO
from typing import Any, TypeVar

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.db import connections
from django.utils import translation
from django.utils.module_loading import import_string

from notifications import choices, frames, kinds, log, subscriptions, tail
from notifications.admission import Shed, origin_headers, require_room
from notifications.delivery import Delivery, body, start
from notifications.listeners import get_manager
from notifications.models import Event
from notifications.plans import Headers, Opened, Plan, Receive, Send
from notifications.signals import session_digest

T = TypeVar("T")

logger = logging.getLogger(__name__)

# Threads that open streams and read what a stream missed; more would only wait for the same database and the GIL.
THREADS = 4
_threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="stream")

CURSOR = re.compile(r"[0-9]{1,18}")
# Parameters of eventstream's own protocol (GRIP), which these streams do not speak.
FOREIGN_PARAMETERS = ("es-meta", "recover", "link")
# What a query may choose; the first is the default.
CHOICES = {"mode": ("stream", "reconnect"), "format": (frames.JSON, frames.TEXT)}
# The ASGI extension (ASGI specification, "Extensions") by which a server offers to write at once: {"outlet": Outlet}.
WRITE_NOW = "notifications.write_now"
# How long a client stays away that came while the database was away.
AWAY_MILLISECONDS = 5000
# And one that this process has no room for.
SHED_MILLISECONDS = 30_000
# A database that takes longer than this to let a client in counts as away.
OPENING_SECONDS = 30


class Refused(Exception):
    """The request gets this answer instead of a stream."""

    def __init__(self, status: int, reason: str = "", headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        """204 makes a browser stop asking; 4xx says in `reason` what is wrong."""
        super().__init__(reason)
        self.status = status
        self.headers = headers


Planner = Callable[[ASGIRequest, dict[str, Any]], Plan]


def everything_for(request: ASGIRequest, kwargs: dict[str, Any]) -> Plan:
    """Plans the stream of all that a person hears."""
    assert isinstance(request.user, AbstractBaseUser)
    return Plan(subscriptions.channels_of(request.user), silenced=choices.of(request.user).silenced)


class EventStream:
    """ASGI application for one kind of stream."""

    def __init__(self, planner: Planner = everything_for) -> None:
        """planner: called in a thread for an authenticated request; may raise Refused."""
        self.planner = planner

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answers one request."""

        kwargs = scope.get("url_route", {}).get("kwargs", {})
        manager = get_manager()
        headers: Headers = ()

        async def admit() -> Opened:
            request = checked_request(scope)
            return await in_thread(lambda: self.open(request, kwargs))

        try:
            headers = origin_headers_of(scope)
            require_room(manager)
            async with asyncio.timeout(OPENING_SECONDS):
                follower = await tail.running()
                attach_from = follower.cursor
                opened = await admit()
            require_room(manager, opened.user_id)
        except Refused as refused:
            await answer(send, refused, headers)
            return
        except Exception as error:
            # A 5xx or 429 would make every EventSource give up for ever (trap 22): say "later" in its own language.
            shed = isinstance(error, Shed)
            if not shed:
                logger.exception("a stream could not be opened")
            await start(send, headers)
            await send(body(frames.bye(SHED_MILLISECONDS if shed else AWAY_MILLISECONDS)))
            return
        outlet = scope.get("extensions", {}).get(WRITE_NOW, {}).get("outlet")
        delivery = Delivery(opened, follower, send, outlet=outlet, in_thread=in_thread, admit=admit)
        await delivery.run(attach_from, receive, headers)

    def open(self, request: ASGIRequest, kwargs: dict[str, Any]) -> Opened:
        """Authenticates and plans; runs in a thread, with the database."""
        authenticate(request)
        if request.GET.get("user", str(request.user.pk)) != str(request.user.pk):
            # A tab of an earlier log-in, reconnecting with the cookie of the next: it must not hear what is another's.
            raise Refused(204)
        plan = self.planner(request, kwargs)
        cursor = cursor_of(request)
        if plan.start is not None and cursor is not None and is_finished(plan, cursor):
            raise Refused(204)
        return Opened(
            plan=plan,
            user_id=request.user.pk,
            session=session_digest(request.session.session_key or ""),
            language=language_of(request),
            form=request.GET.get("format", frames.JSON),
            cursor=cursor,
            bounds=log.bounds(),
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


def origin_headers_of(scope: dict[str, Any]) -> Headers:
    """Returns the headers for the request's origin; raises Refused for an origin that may not read streams."""
    headers = origin_headers(checked_request(scope))
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


def authenticate(request: ASGIRequest) -> None:
    """Sets request.session and request.user as Django's middleware would; raises Refused for strangers."""
    engine = import_string(f"{settings.SESSION_ENGINE}.SessionStore")
    request.session = engine(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    request.user = get_user(request)
    if not request.user.is_authenticated:
        # 204 is the one answer after which an EventSource stops asking without an error (trap 22).
        raise Refused(204)


async def in_thread(function: Callable[[], T]) -> T:
    """Runs a function with the database in one of a few threads, which keeps no connection."""

    def run() -> T:
        try:
            return function()
        finally:
            connections.close_all()

    return await asyncio.get_running_loop().run_in_executor(_threads, run)


async def answer(send: Send, refused: Refused, extra: Headers = ()) -> None:
    """Answers a request that gets no stream."""
    content = f"{refused}\n".encode() if refused.args[0] else b""
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"cache-control", b"no-store"),
        *refused.headers,
        *extra,
    ]
    if refused.status != HTTPStatus.NO_CONTENT:
        headers.append((b"content-length", str(len(content)).encode()))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send(body(content))
