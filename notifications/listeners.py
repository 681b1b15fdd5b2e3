"""Who listens in this process: our streams as listeners in django-eventstream's registry, found by channel."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

from django_eventstream import views
from django_eventstream.event import Event as PlainEvent
from django_eventstream.views import Listener, ListenerManager

from notifications.frames import Entry, payload
from notifications.mailbox import Wake

logger = logging.getLogger(__name__)

# Entries, and bytes of them, that may wait for one stream; past either it forgets them and catches up from the log.
MAX_PENDING = 500
MAX_PENDING_BYTES = 128 * 1024
# Prefix of the channels that steer streams.
CONTROL = "control:"


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
        # Set by a stream that waits: delivers what is pending at once, False where it cannot.
        self.deliver_now: Callable[[], bool] | None = None
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

    def flush(self) -> None:
        """Has what is queued delivered: from here where the stream waits and its client has room, else by waking it."""
        if self.deliver_now is None or not self.deliver_now():
            self.aevent.set()

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

    def fan_out(self, entries: Iterable[Entry]) -> None:
        """Gives entries of the log to everyone who listens to their channels; called by the tail, in order.

        Each stream is written to once, whatever the number of entries; one that fails stops none of the others.
        """
        # A dict for its order: streams are served in the order in which they were reached.
        reached: dict[StreamListener, None] = {}
        for entry in entries:
            with self.lock:
                listeners = list(self.listeners_by_channel.get(entry.channel, ()))
            if is_control(entry.channel):
                for listener in listeners:
                    if isinstance(listener, StreamListener):
                        self.steer(listener, entry)
                continue
            plain = False
            for listener in listeners:
                if isinstance(listener, StreamListener):
                    listener.push(entry)
                    reached[listener] = None
                else:
                    plain = True
            if plain:
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


def control_channel(user_id: Any) -> str:
    """The channel that steers a person's open streams; no client ever sees what is said there."""
    return f"{CONTROL}{user_id}"


def is_control(channel: str) -> bool:
    """Whether what is said on a channel steers streams instead of being delivered."""
    return channel.startswith(CONTROL)


def install() -> None:
    """Makes our registry eventstream's own; it offers no setting for it."""
    if not isinstance(views.listener_manager, LogListenerManager):
        views.listener_manager = LogListenerManager()


def get_manager() -> LogListenerManager:
    """Returns the registry of this process."""
    manager = views.get_listener_manager()
    assert isinstance(manager, LogListenerManager)
    return manager
