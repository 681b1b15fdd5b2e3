"""The state of one open stream, as the fan-out, the steering and the stream's own task share it."""

import time
from enum import IntEnum
from typing import Any

from django_eventstream.views import Listener

from notifications import tracing
from notifications.concurrency import OneWaiterEvent
from notifications.log.control import control_channel
from notifications.stream.asgi import DirectWriter
from notifications.stream.entry import Entry, Variant, join
from notifications.stream.presence import StreamInfo

# Entries, and bytes of them, that may wait for one stream; past either it drops them and catches up from the log.
MAX_PENDING = 500
MAX_PENDING_BYTES = 128 * 1024
# Bytes in one write, all of which stay in memory for a client that does not read.
WRITE_BYTES = 64 * 1024


class Ending(IntEnum):
    """Why a stream must end. A higher reason replaces a lower one."""

    # The stream goes on.
    NONE = 0
    # The clock, an account's change or a draining process ends it: the client is asked to come back.
    CLOSED = 1
    # Its terminal event was delivered.
    FINISHED = 2
    # The client has left.
    LEFT = 3


class StreamListener(Listener):  # type: ignore[misc]
    """One open stream in the hub: its subscriptions, its queue, its progress and its ending.

    Everything but wake_threadsafe() and `error`, which eventstream calls and sets from any thread, is used on the stream's
    event loop alone. Slots: a process holds thousands of these.
    """

    # `aevent`, `loop`, `overflow` and `user_id` are eventstream's; its other attributes are properties below.
    __slots__ = (
        "aevent",
        "cursor",
        "delivered",
        "ending",
        "epoch",
        "is_fixed",
        "loop",
        "muted_kinds",
        "needs_recheck",
        "opened_at",
        "overflow",
        "pending",
        "pending_bytes",
        "position",
        "session",
        "since",
        "trace",
        "user_id",
        "variant",
        "writer",
        "wrote_at",
    )

    def __init__(
        self,
        user_id: Any,
        session: str,
        channels: dict[str, int],
        *,
        muted_kinds: frozenset[str] = frozenset(),
        variant: Variant = ("", ""),
        is_fixed: bool = False,
    ) -> None:
        """channels: those that the stream carries, each with the position after which it does.

        muted_kinds: kinds that it does not carry. is_fixed: it carries certain channels (a payment's), and the person's
        subscriptions and preferences do not change it.
        """
        super().__init__()
        self.aevent = OneWaiterEvent()
        self.assign_loop()
        self.user_id, self.session, self.variant = user_id, session, variant
        # The subscriptions.
        self.since, self.muted_kinds, self.is_fixed = channels, muted_kinds, is_fixed
        # Set when an account's change or eventstream's kick() may have taken a permission away.
        self.needs_recheck = False
        # The queue. overflow: entries were dropped, and must be read from the log.
        self.pending: list[Entry] = []
        self.pending_bytes = 0
        self.overflow: bool = False
        # Set while the stream's task waits, if its server can write from within the fan-out.
        self.writer: DirectWriter | None = None
        # The progress: where the stream began, the position up to which it was served, which only grows, the count of entries.
        self.cursor = self.position = self.delivered = 0
        # The log's epoch when the stream was attached. It receives no entry of another one.
        self.epoch = ""
        # Seconds since 1970; seconds of the monotonic clock, of the last write of any kind.
        self.opened_at, self.wrote_at = time.time(), time.monotonic()
        self.trace = tracing.trace()
        self.ending = Ending.NONE

    @property
    def channels(self) -> set[str]:
        """The channels under which the registry holds the stream."""
        return {*self.since, control_channel(self.user_id)}

    @channels.setter
    def channels(self, channels: set[str]) -> None:
        """Eventstream's own initial value is not kept."""

    @property
    def channel_items(self) -> dict[str, Any]:
        """Eventstream's own queue. Nothing is kept in it: the tail brings what send_event() announces from the log."""
        return {}

    @channel_items.setter
    def channel_items(self, items: dict[str, Any]) -> None:
        pass

    @property
    def error(self) -> str:
        """Eventstream sets it in kick(), when a permission was withdrawn."""
        return ""

    @error.setter
    def error(self, error: object) -> None:
        if error:
            self.needs_recheck = True

    def write_now(self, entry: Entry, framed: dict[Variant, bytes], now: float) -> bool:
        """Writes an entry from within the fan-out, if the stream is idle; returns False if queue() and flush() have to.

        framed: the chunks already framed for other streams. This way saves the waking of a task for each stream, which
        costs more than the write itself (measured).
        """
        writer = self.writer
        if writer is None or self.pending_bytes or self.overflow or self.ending or self.needs_recheck:
            return False
        if entry.kind in self.muted_kinds or entry.position <= self.position:
            return True
        try:
            chunk = framed.get(self.variant)
            if chunk is None:
                chunk = framed[self.variant] = writer.frame(entry.frame(self.variant))
            if not writer.write(chunk):
                return False
        except Exception:  # noqa: BLE001  flush() meets it again, and ends this stream alone
            return False
        self.position, self.wrote_at = entry.position, now
        self.delivered += 1
        return True

    def queue(self, entry: Entry) -> None:
        """Queues an entry, unless its kind is muted; flush() has the queue delivered."""
        if self.overflow or entry.kind in self.muted_kinds:
            return
        if len(self.pending) >= MAX_PENDING or self.pending_bytes + entry.size > MAX_PENDING_BYTES:
            self.drop_queue()
            return
        self.pending.append(entry)
        self.pending_bytes += entry.size

    def drop_queue(self) -> None:
        """Has the stream read from the log what is queued, and all that follows."""
        self.take()
        self.overflow = True

    def flush(self) -> None:
        """Has the queue delivered: by a write from here if the stream is idle and its client has room, else by its task."""
        if not self._write_pending():
            self.aevent.set()

    def _write_pending(self) -> bool:
        writer = self.writer
        if writer is None or self.overflow or self.ending or self.needs_recheck or self.pending_bytes > WRITE_BYTES:
            return False
        if due := [entry for entry in self.pending if entry.position > self.position]:
            if any(entry.terminal for entry in due):
                return False
            if not writer.write(writer.frame(join(due, self.variant))):
                return False
            self.position, self.wrote_at = due[-1].position, time.monotonic()
            self.delivered += len(due)
        self.pending, self.pending_bytes = [], 0
        return True

    def take(self) -> list[Entry]:
        """Empties the queue and returns what was in it."""
        self.aevent.clear()
        entries, self.pending, self.pending_bytes = self.pending, [], 0
        return entries

    def recheck(self) -> None:
        """Has the stream's task look up again what the person may read."""
        self.needs_recheck = True
        self.aevent.set()

    def close(self, ending: Ending = Ending.CLOSED) -> None:
        """Has the stream's task end the stream."""
        self.ending = max(self.ending, ending)
        self.aevent.set()

    def info(self, reason: str = "") -> StreamInfo:
        """What is known of the stream now; with a reason, at its end."""
        now = time.time()
        return StreamInfo(
            trace=self.trace,
            user_id=str(self.user_id),
            channels=tuple(self.since) if self.is_fixed else (),
            opened_at=self.opened_at,
            cursor=self.cursor,
            position=self.position,
            written_at=now - (time.monotonic() - self.wrote_at),
            delivered=self.delivered,
            ended_at=now if reason else None,
            reason=reason,
        )
