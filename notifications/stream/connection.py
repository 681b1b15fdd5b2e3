"""The life of one open stream: attach, catch up from the log, deliver what comes, ping, end."""

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from notifications import conf, log, metrics, subscriptions, tracing
from notifications.log.control import control_channel
from notifications.stream import presence, sse
from notifications.stream.asgi import DISCONNECT, Headers, Outlet, Receive, Send, body, start
from notifications.stream.entry import Entry, join
from notifications.stream.listener import WRITE_BYTES, StreamListener
from notifications.stream.plan import Opened

if TYPE_CHECKING:
    from notifications.stream.tail import Tail

logger = logging.getLogger(__name__)

# Seconds that a stream with a deadline waits for its last event after the domain has been told that time is up.
GRACE_SECONDS = 10.0
# Events of a catch-up in its first read and in any later one: they bound what a client costs that does not read.
FIRST_PAGE, LARGEST_PAGE = 16, 200
# How long a client stays away that asked for ?mode=reconnect.
RECONNECT_MILLISECONDS = 3000


class Delivery:
    """Delivers to one client; its listener's `position` is that of the last entry delivered, and only grows."""

    def __init__(
        self,
        opened: Opened,
        follower: "Tail",
        send: Send,
        *,
        outlet: Outlet | None,
        in_thread: Callable[[Callable[[], Any]], Awaitable[Any]],
        admit: Callable[[], Awaitable[Opened]],
    ) -> None:
        """outlet: None where the server has no such way. in_thread: runs a function that uses the database. admit: asks again to be let in; raises if refused."""
        self.opened = opened
        self.plan = opened.plan
        self.follower = follower
        self.send = send
        self.outlet = outlet
        # The opening bytes, which go out with whatever is written first.
        self.preface = b""
        self.in_thread = in_thread
        self.admit = admit
        self.listener = StreamListener(opened.user_id, opened.session, dict(opened.plan.channels), opened.plan.silenced)
        self.listener.fixed = self.plan.start is not None
        self.listener.voice = (opened.language, opened.form)
        # A catch-up was cut short: what is queued lies past what was not read.
        self.behind = False
        self.began, self.opened_at, self.trace = 0, time.time(), tracing.trace()
        now = self.listener.wrote_at = time.monotonic()
        # Random from 50 % on: streams opened together, after a restart, do not end together.
        self.ends_at = now + conf.stream_max_age() * random.uniform(0.5, 1)  # noqa: S311
        self.ping_seconds = self.plan.pulse_seconds or conf.ping_seconds()
        self.deadline = None if self.plan.deadline is None else now + self.plan.deadline - time.time()

    async def run(self, attach_from: int, headers: Headers, receive: Receive) -> None:
        """Serves the client until it leaves or the stream ends.

        attach_from: the tail's cursor before the plan. headers: of the answer, beside those of every stream.
        """
        manager = self.follower.manager
        # From here on everything past `attached_at` is queued, and everything up to it can be read: no gap, no overlap.
        manager.add_listener(self.listener)
        attached_at = self.follower.cursor
        watcher = None
        if self.outlet is None:
            watcher = asyncio.create_task(self.watch(receive))
        else:
            self.outlet.when_left(self.leave)
        presence.record_opened(self, self.opened.cursor)
        try:
            await start(self.send, headers)
            self.apply_controls(attach_from)
            await self.catch_up_from_cursor(attached_at)
            if self.opened.once:
                await self.write(sse.retry(RECONNECT_MILLISECONDS))
            else:
                await self.follow()
        except Exception:
            # Raised any further it would stop Daphne's reaper for good and hang the client (trap 3).
            logger.exception("a stream of user %s broke; the client will resume", self.opened.user_id)
        finally:
            if watcher is not None:
                watcher.cancel()
            elif self.outlet is not None:
                self.outlet.when_left(None)
            manager.remove_listener(self.listener)
            presence.record_ended(self, self.reason())
            await self.send(body(b""))

    async def watch(self, receive: Receive) -> None:
        """Notices that the client has left, where the server does not say so by itself."""
        while (await receive())["type"] != DISCONNECT:
            pass
        self.leave()

    def leave(self) -> None:
        """Ends the stream of a client that has left."""
        self.listener.left = True
        self.listener.close()

    def apply_controls(self, attach_from: int) -> None:
        """Applies what changed for this person between the plan and the attachment."""
        controls = self.follower.controls_since(attach_from, control_channel(self.opened.user_id))
        if controls is None:
            self.listener.doubted = True
        for entry in controls or ():
            self.follower.manager.steer(self.listener, entry)

    async def catch_up_from_cursor(self, attached_at: int) -> None:
        """Sends the opening bytes and everything between the client's cursor and the attachment."""
        cursor, bounds = self.opened.cursor, self.opened.bounds
        if cursor is not None and not bounds.horizon <= cursor <= max(bounds.head, attached_at):
            # Pruned, or from another log (a restored database): say so, never skip in silence.
            self.began = self.listener.position = attached_at
            metrics.RESETS.inc()
            await self.write(sse.opening(attached_at) + sse.reset(attached_at))
            return
        if cursor is None:
            cursor = attached_at if self.plan.start is None else self.plan.start
        self.began = self.listener.position = cursor
        self.preface = sse.opening(cursor)
        await self.catch_up(attached_at)
        if self.preface:
            await self.write(b"")

    async def catch_up(self, through: int) -> None:
        """Delivers from the log what is after `position` and not after `through`."""
        recent = self.follower.recent.between(self.listener.position, through)
        if recent is not None:
            missed = deque(entry for entry in recent if entry.channel in self.listener.since)
            metrics.CAUGHT_UP.inc(len(missed))
            await self.deliver(self.heard(missed))
            return
        if self.preface and self.listener.position < through:
            # The client need not wait for the database to learn that it is connected.
            await self.write(b"")
        limit = FIRST_PAGE
        while self.listener.position < through:
            if self.listener.closing:
                self.behind = True
                return
            after, channels = self.listener.position, list(self.listener.since)
            read = partial(log.read, after, through=through, channels=channels, limit=limit)
            page = deque(Entry(event) for event in await self.in_thread(read))
            if not page:
                return
            metrics.CAUGHT_UP.inc(len(page))
            full, last = len(page) == limit, page[-1].position
            # A client that does not read holds a page while it is stuck: large events go in small pages.
            average = sum(entry.size for entry in page) // len(page)
            limit = min(LARGEST_PAGE, max(1, 2 * WRITE_BYTES // average))
            await self.deliver(self.heard(page))
            if not full:
                return
            self.listener.position = max(self.listener.position, last)

    def heard(self, page: deque[Entry]) -> Iterator[Entry]:
        """Takes from a page what the person hears; each entry is let go as soon as it is written."""
        since, silenced = self.listener.since, self.listener.silenced
        while page:
            entry = page.popleft()
            if subscriptions.is_heard(entry, since) and entry.kind not in silenced:
                yield entry

    async def follow(self) -> None:
        """Delivers what the tail queues, until the end."""
        listener = self.listener
        while True:
            if listener.overflow:
                listener.overflow = False
                metrics.OVERFLOWS.inc()
                listener.take()
                await self.catch_up(self.follower.cursor)
            if not self.behind:
                await self.deliver(listener.take())
            if listener.closing:
                if not listener.left and not listener.finished:
                    await self.write(sse.bye(conf.retry_milliseconds()))
                return
            if listener.doubted or listener.error:
                await self.look_again()
            if not listener.aevent.is_set() and not listener.overflow:
                await self.wait()

    async def deliver(self, entries: Iterable[Entry]) -> None:
        """Writes entries that are past the position, in as few writes as may be; a terminal one is the last."""
        due: list[Entry] = []
        size = 0
        for entry in entries:
            if entry.position <= self.listener.position:
                continue
            if size + entry.size > WRITE_BYTES and due:
                await self.write(join(due, self.listener.voice))
                due, size = [], 0
            self.listener.position = entry.position
            self.listener.delivered += 1
            due.append(entry)
            size += entry.size
            if entry.terminal:
                self.listener.finished = True
                self.listener.close()
                break
        if due:
            await self.write(join(due, self.listener.voice))

    async def write(self, content: bytes) -> None:
        """Writes bytes; the next ping is due a full pause later."""
        self.listener.wrote_at = time.monotonic()
        preface, self.preface = self.preface, b""
        await self.send(body(preface + content, more=True))

    async def wait(self) -> None:
        """Waits for something to deliver, and does what is due meanwhile."""
        due = min(self.listener.wrote_at + self.ping_seconds, self.ends_at, self.deadline or self.ends_at)
        self.listener.outlet = self.outlet
        try:
            async with asyncio.timeout(max(0.0, due - time.monotonic())):
                await self.listener.aevent.wait()
            return
        except TimeoutError:
            pass
        finally:
            self.listener.outlet = None
        now = time.monotonic()
        if self.deadline is not None and now >= self.deadline:
            await self.reach_deadline()
        elif now >= self.ends_at:
            self.listener.close()
        elif now >= self.listener.wrote_at + self.ping_seconds:
            await self.write(await self.in_thread(self.plan.pulse) if self.plan.pulse else sse.PING)

    async def reach_deadline(self) -> None:
        """Time is up: lets the domain say so, whose last event then ends the stream; or ends it anyhow."""
        self.deadline = None
        if self.plan.at_deadline is None:
            self.listener.close()
        else:
            await self.in_thread(self.plan.at_deadline)
            self.ends_at = time.monotonic() + GRACE_SECONDS

    async def look_again(self) -> None:
        """Plans anew after a change of the account or a kick; what may no longer be heard is left."""
        listener = self.listener
        listener.doubted, listener.error = False, ""
        try:
            plan = (await self.admit()).plan
        except Exception as error:  # noqa: BLE001  refused, or the database is away: either way it may not go on
            logger.info("a stream of user %s ends: %s", self.opened.user_id, error or type(error).__name__)
            listener.close()
            return
        listener.silenced = plan.silenced
        manager = self.follower.manager
        for channel in set(listener.since) - set(plan.channels):
            manager.leave(listener, channel)
        for channel in set(plan.channels) - set(listener.since):
            manager.join(listener, channel, plan.channels[channel])

    def reason(self) -> str:
        """Why the stream has ended, in one word."""
        listener = self.listener
        if listener.left:
            return "left"
        if listener.finished:
            return "finished"
        if self.opened.once and not listener.closing:
            return "once"
        if not listener.closing:
            return "broken"
        if self.follower.manager.draining:
            return "drained"
        return "aged" if time.monotonic() >= self.ends_at else "closed"

    def record(self, reason: str = "") -> presence.Record:
        """What is known of the stream now."""
        now = time.time()
        return presence.Record(
            trace=self.trace,
            user_id=str(self.opened.user_id),
            channels=tuple(self.listener.since) if self.listener.fixed else (),
            opened_at=self.opened_at,
            cursor=self.began,
            position=self.listener.position,
            written_at=now - (time.monotonic() - self.listener.wrote_at),
            delivered=self.listener.delivered,
            ended_at=now if reason else None,
            reason=reason,
        )
