"""The hub: the streams of this process by channel, as the listener manager of django-eventstream.

Eventstream's ListenerManager gives the sets by channel and their lock, add_listener(), remove_listener() and kick(), which
are used as they are. One thing differs: add_to_queues() does not feed streams with what is in the log. The tail does, in
the order of the log and only after the commit (`fan_out`).
"""

from django_eventstream import views
from django_eventstream.event import Event as PlainEvent
from django_eventstream.views import Listener, ListenerManager

from notifications import metrics
from notifications.stream.entry import Entry, payload
from notifications.stream.listener import StreamListener


class Hub(ListenerManager):  # type: ignore[misc]
    """Eventstream's listener manager, which also holds our streams."""

    def __init__(self) -> None:
        super().__init__()
        self.streams: set[StreamListener] = set()
        # Set when the process is about to end: no further stream is accepted.
        self.draining = False

    def add_listener(self, listener: Listener) -> None:
        """Adds a listener under each of its channels: one of our streams, or one of eventstream's own view."""
        super().add_listener(listener)
        if isinstance(listener, StreamListener):
            self.streams.add(listener)
            metrics.STREAMS.set(len(self.streams))

    def remove_listener(self, listener: Listener) -> None:
        """Removes a listener from all its channels."""
        super().remove_listener(listener)
        self.streams.discard(listener)
        metrics.STREAMS.set(len(self.streams))

    def add_to_queues(self, channel: str, event: PlainEvent) -> None:
        """Called by send_event(). An event with an id is in the log, and comes from there."""
        if event.id is None:
            super().add_to_queues(channel, event)

    def add_to_plain_queues(self, entry: Entry) -> None:
        """Queues an entry of the log for the listeners of eventstream's own view; our streams discard it."""
        event = PlainEvent(entry.channel, entry.kind, payload(entry.event), id=entry.position)
        super().add_to_queues(entry.channel, event)

    def listeners_of(self, channel: str) -> list[Listener]:
        """Returns all listeners of a channel, in no order."""
        with self.lock:
            return list(self.listeners_by_channel.get(channel, ()))

    def join(self, stream: StreamListener, channel: str, since: int) -> None:
        """Adds a channel to an open stream. since: the position after which the stream carries it."""
        stream.since[channel] = since
        with self.lock:
            self.listeners_by_channel.setdefault(channel, set()).add(stream)

    def leave(self, stream: StreamListener, channel: str) -> None:
        """Removes a channel from an open stream."""
        stream.since.pop(channel, None)
        with self.lock:
            listeners = self.listeners_by_channel.get(channel, set())
            listeners.discard(stream)
            if not listeners:
                self.listeners_by_channel.pop(channel, None)

    def drain(self) -> None:
        """Lets no further stream in, and asks every stream to end."""
        self.draining = True
        self.close_all()

    def close_all(self) -> None:
        """Ends all open streams; their clients are asked to come back."""
        for stream in list(self.streams):
            stream.close()


def install() -> None:
    """Puts a Hub in the place of eventstream's listener manager, for which eventstream has no setting."""
    if not isinstance(views.listener_manager, Hub):
        views.listener_manager = Hub()


def get_hub() -> Hub:
    """Returns the hub of this process."""
    hub = views.get_listener_manager()
    assert isinstance(hub, Hub)
    return hub
