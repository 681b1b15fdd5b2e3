"""Who listens in this process: our streams as listeners in django-eventstream's registry, found by channel."""

import logging
import time
from collections.abc import Sequence

from django_eventstream import views
from django_eventstream.event import Event as PlainEvent
from django_eventstream.views import Listener, ListenerManager

from notifications import metrics
from notifications.log.control import is_control
from notifications.stream.entry import Entry, Voice, payload
from notifications.stream.listener import StreamListener

logger = logging.getLogger(__name__)


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
