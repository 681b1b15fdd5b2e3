"""Retracts events: they leave inboxes, streams and open pages, but not the log."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from django.db import connections, transaction
from django.db.models import QuerySet
from django.db.models.sql import UpdateQuery
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from notifications.kinds import Kind
from notifications.log.alias import database
from notifications.log.writer import append_all
from notifications.models import Event

RETRACTED = Kind("inbox.retracted", label=_("Notifications retracted"), listed=False)

# Positions in one event: with positions of 19 digits, 10 KB.
MOST_POSITIONS = 500
# Keys in one statement.
MOST_KEYS = 500


def retract(*keys: str, channel: str = "", kind: str = "") -> int:
    """Retracts the events with these keys, or those of a kind in a channel, in the caller's transaction.

    Returns the number of events; those that were retracted before are left as they are. A retracted event keeps its position
    and its key, so positions stay without a gap, and a key that is appended again makes no second event. Open pages remove
    the event when they receive `inbox.retracted`, which has its position. An event without a position is only marked: no
    stream delivers it later. Raises ValueError unless there are keys alone, or a channel and a kind.
    """
    if bool(keys) == bool(channel) or bool(channel) != bool(kind):
        raise ValueError("retract() takes keys, or a channel and a kind")
    alias = database()
    events = Event.objects.using(alias).filter(retracted_at=None)
    if keys:
        chunks = [events.filter(key__in=keys[at : at + MOST_KEYS]) for at in range(0, len(keys), MOST_KEYS)]
    else:
        chunks = [events.filter(channel=channel, kind=kind)]
    with transaction.atomic(using=alias, savepoint=False):
        found = [place for chunk in chunks for place in _mark(chunk)]
        append_all(_announcements(found))
    return len(found)


def _mark(events: QuerySet[Event]) -> list[tuple[str, int | None]]:
    """Marks the events; returns the channel and the position of each.

    The sequencer's UPDATE and this one wait for each other where they meet at a row. So either the position is returned
    here, or the sequencer numbers, and returns, an event that is marked already.
    """
    query: Any = events.query.chain(UpdateQuery)
    query.add_update_values({"retracted_at": timezone.now()})
    statement, values = query.get_compiler(events.db).as_sql()
    quote = connections[events.db].ops.quote_name
    with connections[events.db].cursor() as cursor:
        # The ORM updates without RETURNING.
        cursor.execute(f"{statement} RETURNING {quote('channel')}, {quote('position')}", values)
        return [(channel, position) for channel, position in cursor.fetchall()]


def _announcements(found: list[tuple[str, int | None]]) -> Iterator[Event]:
    """Yields the events that tell open pages which positions were retracted, for each channel."""
    positions: dict[str, list[int]] = defaultdict(list)
    for channel, position in found:
        if position is not None:
            positions[channel].append(position)
    for channel, retracted in positions.items():
        retracted.sort()
        for at in range(0, len(retracted), MOST_POSITIONS):
            data = {"positions": retracted[at : at + MOST_POSITIONS]}
            yield Event(channel=channel, kind=RETRACTED.name, data=data)
