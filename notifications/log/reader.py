"""Reads the log by position."""

from collections.abc import Collection

from notifications.log.alias import database
from notifications.log.cursors import bounds
from notifications.models import Event

# Events of one read: bounds the memory, and the time for which a reader holds a thread.
READ_LIMIT = 500


def head() -> int:
    """Returns the last position that was given: the cursor of a reader that has received everything."""
    return bounds().head


def read(
    after: int,
    *,
    through: int | None = None,
    channels: Collection[str] | None = None,
    limit: int = READ_LIMIT,
    with_retracted: bool = False,
) -> list[Event]:
    """Returns up to `limit` events with after < position <= through, of these channels, by position.

    with_retracted: also those that were retracted. Only then do the positions of all channels have no gaps.
    """
    events = Event.objects.using(database()).filter(position__gt=after)
    if not with_retracted:
        events = events.filter(retracted_at=None)
    if through is not None:
        events = events.filter(position__lte=through)
    if channels is not None:
        events = events.filter(channel__in=channels)
    return list(events.order_by("position")[:limit])
