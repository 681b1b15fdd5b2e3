"""Who listens in this process: our streams as listeners in django-eventstream's registry, found by channel."""

import logging
import time
from collections.abc import Sequence
from typing import Any

from django_eventstream import views
from django_eventstream.event import Event as PlainEvent
from django_eventstream.views import Listener, ListenerManager

from notifications import metrics
from notifications.control import control_channel, is_control
from notifications.frames import Entry, Voice, join, payload
from notifications.mailbox import Wake
from notifications.plans import Outlet

logger = logging.getLogger(__name__)

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
        self.aevent = Wake()
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


class LogListenerManager(ListenerManager):  # type: ignore[misc]
    """Eventstream's registry, fed by the tail in the order of the log instead of by senders in theirs."""

    def __init__(self) -> None:
        """Makes an empty registry."""
        super().__init__()
        self.streams: set[StreamListener] = set()
        # Set when the process is about to end: no further stream is taken.
        self.draining = False

    def add_listener(self, listener: Listener) -> None:
        """Adds a listener under all its channels."""
        super().add_listener(listener)
        if isinstance(listener, StreamListener):
            self.streams.add(listener)

    def remove_listener(self, listener: Listener) -> None:
        """Removes a listener from all its channels."""
        super().remove_listener(listener)
        self.streams.discard(listener)

    def join(self, listener: StreamListener, channel: str, since: int) -> None:
        """Lets an open stream hear one more channel."""
        listener.since[channel] = since
        listener.channels.add(channel)
        with self.lock:
            self.listeners_by_channel.setdefault(channel, set()).add(listener)

    def leave(self, listener: StreamListener, channel: str) -> None:
        """Lets an open stream hear a channel no longer."""
        listener.since.pop(channel, None)
        listener.channels.discard(channel)
        with self.lock:
            listeners = self.listeners_by_channel.get(channel, set())
            listeners.discard(listener)
            if not listeners:
                self.listeners_by_channel.pop(channel, None)

    def fan_out(self, entries: Sequence[Entry]) -> None:
        """Gives entries of the log to everyone who listens to their channels; called by the tail, in order.

        Each stream is written to once, whatever the number of entries; one that fails stops none of the others.
        """
        alone, now = len(entries) == 1 and not entries[0].terminal, time.monotonic()
        # A dict for its order: streams are served in the order in which they were reached.
        reached: dict[StreamListener, None] = {}
        heard: list[tuple[Entry, int]] = []
        for entry in entries:
            with self.lock:
                listeners = list(self.listeners_by_channel.get(entry.channel, ()))
            streams = [listener for listener in listeners if isinstance(listener, StreamListener)]
            if is_control(entry.channel):
                for listener in streams:
                    self.steer(listener, entry)
                continue
            heard.append((entry, len(listeners)))
            framed: dict[Voice, bytes] = {}
            for listener in streams:
                if not (alone and listener.pass_on(entry, framed, now)):
                    listener.push(entry)
                    reached[listener] = None
            if len(streams) < len(listeners):
                # Listeners of eventstream's own view; ours discard what comes this way.
                super().add_to_queues(
                    entry.channel, PlainEvent(entry.channel, entry.kind, payload(entry.event), id=entry.position)
                )
        for listener in reached:
            try:
                listener.flush()
            except Exception:
                logger.exception("a stream of user %s broke; the client will resume", listener.user_id)
                listener.close()
        metrics.fanned_out(heard)

    def add_to_queues(self, channel: str, event: PlainEvent) -> None:
        """Called by send_event(): what is in the log comes from there, in its order and only once committed."""
        if event.id is None:
            super().add_to_queues(channel, event)

    def steer(self, listener: StreamListener, entry: Entry) -> None:
        """Applies a steering entry at its place in the log's order."""
        data = entry.event.data
        match entry.kind:
            case "control.subscribed" if not listener.fixed:
                self.join(listener, data["channel"], data["since"])
            case "control.unsubscribed":
                self.leave(listener, data["channel"])
            case "control.silenced":
                listener.silenced = frozenset(data["kinds"])
            case "control.session_ended":
                if listener.session == data["session"]:
                    listener.close()
            case "control.user_changed":
                listener.doubted = True
                listener.aevent.set()

    def close_all(self) -> None:
        """Asks the clients of all open streams to come back."""
        for listener in list(self.streams):
            listener.close()


def install() -> None:
    """Makes our registry eventstream's own; it offers no setting for it."""
    if not isinstance(views.listener_manager, LogListenerManager):
        views.listener_manager = LogListenerManager()
    metrics.STREAMS.set_function(lambda: len(get_manager().streams))


def get_manager() -> LogListenerManager:
    """Returns the registry of this process."""
    manager = views.get_listener_manager()
    assert isinstance(manager, LogListenerManager)
    return manager
