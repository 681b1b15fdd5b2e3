"""One open stream: attaches to the hub, catches up, delivers, keeps time, and ends."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from notifications import conf, log, metrics
from notifications.log.control import control_channel
from notifications.stream import presence, sse
from notifications.stream.asgi import DISCONNECT, DirectWriter, Headers, Receive, Send
from notifications.stream.catch_up import CatchUp
from notifications.stream.clock import StreamClock
from notifications.stream.listener import Ending, StreamListener
from notifications.stream.plan import AcceptedRequest
from notifications.stream.response import ResponseWriter
from notifications.stream.steering import apply_plan, steer
from notifications.stream.tail import Tail

logger = logging.getLogger(__name__)

# The reconnection time of a client that asked for ?mode=reconnect.
RECONNECT_MILLISECONDS = 3000


class Connection:
    """Serves one client. The stream's state is in its listener, which the fan-out and the steering change too."""

    __slots__ = (
        "_accepted",
        "_clock",
        "_has_gap",
        "_in_thread",
        "_listener",
        "_readmit",
        "_response",
        "_tail",
        "_writer",
    )

    def __init__(
        self,
        accepted: AcceptedRequest,
        tail: Tail,
        send: Send,
        *,
        writer: DirectWriter | None,
        in_thread: Callable[[Callable[[], Any]], Awaitable[Any]],
        readmit: Callable[[], Awaitable[AcceptedRequest]],
    ) -> None:
        """writer: None if the server has no such way. in_thread: runs a function that uses the database.

        readmit: authenticates and plans the request again; raises Refused.
        """
        self._accepted = accepted
        self._tail = tail
        self._writer = writer
        self._in_thread = in_thread
        self._readmit = readmit
        self._listener = StreamListener(
            accepted.user_id,
            accepted.session,
            dict(accepted.plan.channels),
            muted_kinds=accepted.plan.silenced,
            variant=(accepted.language, accepted.form),
            is_fixed=not accepted.plan.follows_person,
        )
        self._clock = StreamClock(self._listener, accepted.plan, in_thread)
        self._clock.expect_session_end(accepted.session_seconds)
        self._response = ResponseWriter(self._listener, send)
        # A catch-up was cut short: the queue lies past entries that were not read, and must not be delivered.
        self._has_gap = False

    async def run(self, attach_from: log.Cursor, headers: Headers, receive: Receive) -> None:
        """Serves the client until it leaves or the stream ends.

        attach_from: the tail's cursor before the request was planned. headers: added to those of every stream.
        """
        hub, listener = self._tail.hub, self._listener
        # From here on everything past `attached_at` is queued, and everything up to it can be read: no gap, no overlap.
        hub.add_listener(listener)
        attached_at, listener.epoch = self._tail.cursor, self._tail.epoch
        watcher = None
        when_left = None if self._writer is None else self._writer.when_left
        if when_left is None:
            watcher = asyncio.create_task(self._watch(receive))
        else:
            when_left(self._leave)
        cursor = self._accepted.cursor
        presence.record_opened(listener, cursor and cursor.position)
        try:
            await self._response.start(headers)
            self._apply_controls(attach_from.position)
            if not attach_from.epoch == self._accepted.bounds.epoch == listener.epoch:
                # Planned in another epoch, or in one that this tail has not noticed yet. Its cursor stays as it was.
                await self._response.write(sse.bye(conf.retry_milliseconds()))
                listener.close()
                return
            await self._resume(attached_at)
            if self._accepted.once:
                await self._response.write(self._moved_id() + sse.retry(RECONNECT_MILLISECONDS))
            else:
                await self._follow()
        except Exception:
            # Raised any further, it would stop Daphne's reaper for good and hang the client (trap 3).
            logger.exception("a stream of user %s broke; the client will resume", listener.user_id)
        finally:
            if watcher is not None:
                watcher.cancel()
            elif when_left is not None:
                when_left(None)
            hub.remove_listener(listener)
            presence.record_ended(listener, self._reason())
            await self._response.end()

    async def _watch(self, receive: Receive) -> None:
        """Waits for the client to leave, if the server does not report it through the writer."""
        try:
            while (await receive())["type"] != DISCONNECT:
                pass
        except Exception:
            logger.exception("the server cannot say whether the client of user %s is there", self._listener.user_id)
        self._leave()

    def _leave(self) -> None:
        self._listener.close(Ending.LEFT)

    def _apply_controls(self, attach_from: int) -> None:
        """Applies the changes of this person between the plan and the attachment."""
        controls = self._tail.controls_since(attach_from, control_channel(self._listener.user_id))
        if controls is None:
            self._listener.needs_recheck = True
        for entry in controls or ():
            steer(self._tail.hub, self._listener, entry)

    async def _resume(self, attached_at: int) -> None:
        """Sends the opening bytes, and everything between the client's cursor and the attachment."""
        cursor, bounds, listener = self._accepted.cursor, self._accepted.bounds, self._listener
        begin = attached_at if self._accepted.plan.start is None else self._accepted.plan.start
        # Pruned, or from another log (a restored database): the client must know that it missed something.
        is_reset = cursor is not None and not bounds._replace(head=max(bounds.head, attached_at)).has(cursor)
        if cursor is not None and not is_reset:
            begin = cursor.position
        listener.cursor = listener.position = begin
        self._response.preface = sse.opening(self._id())
        if is_reset:
            metrics.RESETS.inc()
            await self._response.write(sse.reset(log.Cursor(begin, listener.epoch)))
        await self._catch_up(attached_at)
        self._advance(attached_at)
        if self._response.preface:
            self._response.preface = sse.opening(self._id())
            await self._response.flush_preface()
        elif listener.position > begin and not listener.delivered:
            # It came back from afar for nothing. A connection that is cut again before its first ping need not.
            await self._response.write(sse.only_id(self._id()))

    async def _catch_up(self, through: int) -> None:
        """Delivers everything after the stream's position, up to and including `through`."""
        if self._is_outdated():
            return
        missed = CatchUp(self._listener, through)
        entries = missed.from_memory(self._tail.backlog)
        if entries is not None:
            await self._response.deliver(entries)
            return
        if self._listener.position < through:
            # The client learns that it is connected before the database is read.
            await self._response.flush_preface()
        while (page := await missed.next_page(self._in_thread)) is not None:
            await self._response.deliver(page)
        self._has_gap = missed.is_cut_short

    def _advance(self, through: int) -> None:
        """Moves the stream's position to `through`, if it has delivered all that it carries up to there.

        True of a catch-up's end, unless it was cut short. True of the tail's cursor if nothing is queued and nothing was
        dropped: the tail gives entries to the streams and moves its cursor in one step of the loop, so each entry up to it was
        written from within the fan-out, or queued. The task alone empties the queue, and has written what it took before it comes
        here; whatever the fan-out queues while this write waits is written after it. Call this, and make the bytes, in one step.
        """
        listener = self._listener
        if not self._has_gap and listener.ending <= Ending.CLOSED:
            listener.position = max(listener.position, through)

    def _is_outdated(self) -> bool:
        """Whether the log has another epoch since. What is queued, or in the backlog, is then of a log that the client has not."""
        if self._listener.epoch != self._tail.epoch:
            self._has_gap = True
        return self._has_gap

    def _id(self) -> str:
        return log.cursor_id(self._listener.epoch, self._listener.position)

    def _moved_id(self) -> bytes:
        """The id line for bytes that are no event: a client that receives no events still resumes from where the log is."""
        if not self._listener.pending and not self._listener.overflow:
            self._advance(self._tail.cursor)
        return sse.id_line(self._id())

    async def _follow(self) -> None:
        """Delivers what is queued, until the end."""
        listener = self._listener
        while True:
            if listener.overflow:
                listener.overflow = False
                metrics.OVERFLOWS.inc()
                listener.take()
                await self._catch_up(self._tail.cursor)
            if not self._is_outdated():
                await self._response.deliver(listener.take())
            if listener.ending:
                if listener.ending is Ending.CLOSED:
                    await self._response.write(self._moved_id() + sse.bye(conf.retry_milliseconds()))
                return
            if listener.needs_recheck:
                await self._recheck()
            if not listener.aevent.is_set() and not listener.overflow:
                await self._wait()

    async def _wait(self) -> None:
        """Waits for something to deliver, and does what the clock has due meanwhile."""
        listener = self._listener
        listener.writer = self._writer
        try:
            async with asyncio.timeout(self._clock.seconds_left()):
                await listener.aevent.wait()
            return
        except TimeoutError:
            pass
        finally:
            listener.writer = None
        if content := await self._clock.run_due():
            await self._response.write(self._moved_id() + content)

    async def _recheck(self) -> None:
        """Authenticates and plans the stream again: a change of the account, a kick, an expired session. Closes it if refused."""
        listener = self._listener
        listener.needs_recheck = False
        try:
            accepted = await self._readmit()
        except Exception as error:  # noqa: BLE001  refused, or the database is away: in either case it must not go on
            logger.info("a stream of user %s ends: %s", listener.user_id, error or type(error).__name__)
            listener.close()
            return
        self._clock.expect_session_end(accepted.session_seconds)
        apply_plan(self._tail.hub, listener, accepted.plan)

    def _reason(self) -> str:
        """Why the stream has ended, in one word of docs/operating.md."""
        match self._listener.ending:
            case Ending.LEFT:
                return "left"
            case Ending.FINISHED:
                return "finished"
            case Ending.NONE:
                return "once" if self._accepted.once else "broken"
        if self._tail.hub.draining:
            return "drained"
        return "aged" if self._clock.is_aged else "closed"
