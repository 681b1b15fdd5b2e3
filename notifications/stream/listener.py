"""One stream in the hub."""

import time
from typing import Any

from django_eventstream.views import Listener

from notifications.concurrency import OneWaiterEvent
from notifications.log.control import control_channel
from notifications.stream.asgi import Outlet
from notifications.stream.entry import Entry, Voice, join

# Entries, and bytes of them, that may wait for one stream; past either it forgets them and catches up from the log.
MAX_PENDING = 500
MAX_PENDING_BYTES = 128 * 1024
# Bytes in one write, which a client that does not read keeps waiting.
WRITE_BYTES = 64 * 1024


class StreamListener(Listener):  # type: ignore[misc]
    """One open stream. Everything but wake_threadsafe() runs on the stream's event loop."""

    def __init__(
        self, user_id: Any, session: str, channels: dict[str, int], silenced: frozenset[str] = frozenset()
    ) -> None:
        """channels: what the person reads, each with the position after which it does. silenced: kinds switched off."""
        super().__init__()
        self.aevent = OneWaiterEvent()
        self.assign_loop()
        self.user_id = user_id
        self.session = session
        self.since = channels
        self.silenced = silenced
        # Set for a stream of certain channels (a payment's): what the person follows is none of its affair.
        self.fixed = False
        self.channels = {*channels, control_channel(user_id)}
        self.overflow: bool = False
        self.pending: list[Entry] = []
        self.pending_bytes = 0
        # Set by a stream that waits, and whose server can write from within the fan-out.
        self.outlet: Outlet | None = None
        # The last entry delivered, when something was last written (time.monotonic()), and how many entries were.
        self.position = 0
        self.wrote_at = 0.0
        self.delivered = 0
        self.voice: Voice = ("", "")
        # The stream must end; because the client has left, or has had its terminal event.
        self.closing = False
        self.left = False
        self.finished = False
        # Set when what the person may read has to be looked up again.
        self.doubted = False

    @property
    def channel_items(self) -> dict[str, Any]:
        """Eventstream's own queue, thrown away: what send_event() announces, the tail brings from the log."""
        return {}

    @channel_items.setter
    def channel_items(self, items: dict[str, Any]) -> None:
        pass

    def push(self, entry: Entry) -> None:
        """Queues an entry, unless the person has switched off its kind; flush() hands over what is queued."""
        if self.overflow or entry.kind in self.silenced:
            return
        if len(self.pending) >= MAX_PENDING or self.pending_bytes + entry.size > MAX_PENDING_BYTES:
            self.take()
            self.overflow = True
            return
        self.pending.append(entry)
        self.pending_bytes += entry.size

    def pass_on(self, entry: Entry, framed: dict[Voice, bytes], now: float) -> bool:
        """Writes an entry at once if the stream has nothing else to do; False leaves it to push() and flush().

        framed: what was framed for other streams. It saves the waking of a task per stream: measured, most of what a
        delivery costs beside the write itself.
        """
        outlet = self.outlet
        if outlet is None or self.pending_bytes or self.overflow or self.closing or self.doubted:
            return False
        if entry.kind in self.silenced or entry.position <= self.position:
            return True
        try:
            chunk = framed.get(self.voice)
            if chunk is None:
                chunk = framed[self.voice] = outlet.frame(entry.frame(self.voice))
            if not outlet.write(chunk):
                return False
        except Exception:  # noqa: BLE001  flush() meets it again, and ends this stream alone
            return False
        self.position, self.wrote_at = entry.position, now
        self.delivered += 1
        return True

    def flush(self) -> None:
        """Has what is queued delivered: from here where the stream waits and its client has room, else by waking it."""
        if not self._write_pending():
            self.aevent.set()

    def _write_pending(self) -> bool:
        outlet = self.outlet
        if outlet is None or self.overflow or self.closing or self.doubted or self.pending_bytes > WRITE_BYTES:
            return False
        if due := [entry for entry in self.pending if entry.position > self.position]:
            if any(entry.terminal for entry in due):
                return False
            if not outlet.write(outlet.frame(join(due, self.voice))):
                return False
            self.position, self.wrote_at = due[-1].position, time.monotonic()
            self.delivered += len(due)
        self.pending, self.pending_bytes = [], 0
        return True

    def take(self) -> list[Entry]:
        """Takes what is pending."""
        self.aevent.clear()
        entries, self.pending, self.pending_bytes = self.pending, [], 0
        return entries

    def close(self) -> None:
        """Ends the stream."""
        self.closing = True
        self.aevent.set()
