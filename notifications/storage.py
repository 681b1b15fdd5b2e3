"""The log as eventstream's storage: its view, send_event() and its GRIP mode read and write the same log."""

from uuid import uuid4

from django_eventstream.event import Event as PlainEvent
from django_eventstream.storage import EventDoesNotExist, StorageBase

from notifications import log
from notifications.models import Event
from notifications.stream.entry import payload

# The id of an event without a position, because its transaction has not committed.
UNSEQUENCED = 0


class LogStorage(StorageBase):  # type: ignore[misc]
    """Appends the events of send_event(), and reads a channel by position. Ids are positions."""

    def append_event(self, channel: str, event_type: str, data: str) -> PlainEvent:
        """Appends one event; its id is its position, or 0 within a transaction."""
        key = f"send_event:{uuid4()}"
        log.append(channel, event_type, data, key=key)
        position = Event.objects.values_list("position", flat=True).get(key=key)
        return PlainEvent(channel, event_type, data, id=position or UNSEQUENCED)

    def get_events(self, channel: str, last_id: int, limit: int = 100) -> list[PlainEvent]:
        """Returns the channel's events after `last_id`; raises EventDoesNotExist if that is not in the log (any more)."""
        bounds = log.bounds()
        if not bounds.horizon <= last_id <= bounds.head:
            raise EventDoesNotExist(f"No such event {last_id}", bounds.head)
        return [
            PlainEvent(channel, event.kind, payload(event), id=event.position)
            for event in log.read(last_id, channels=[channel], limit=limit)
        ]

    def get_current_id(self, channel: str) -> int:
        """Returns the log's head: all channels have one order of positions."""
        return log.head()
