"""The inbox as it is read: by day, and what belongs together as one line that opens ("3 new orders")."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from datetime import date

from django.utils import timezone

from notifications import kinds
from notifications.inbox.listing import is_unread
from notifications.models import Event

# Two lines are as quickly read as one that stands for both.
SMALLEST = 3


@dataclass(slots=True)
class Group:
    """Several events of a day, a channel and a kind, all read or all unread, newest first."""

    members: list[Event]

    @property
    def newest(self) -> Event:
        """The event that the group stands at."""
        return self.members[0]

    @property
    def is_unread(self) -> bool:
        """Whether its members are unread."""
        return is_unread(self.newest)

    @property
    def title(self) -> str:
        """One line for all of them, in the active language."""
        kind = kinds.get(self.newest.kind)
        assert kind is not None
        values = kind.prepare(self.newest.data) if kind.prepare else self.newest.data
        return str(kind.grouped % {**values, "count": len(self.members)})


@dataclass(slots=True)
class Day:
    """One day's lines."""

    date: date
    # How many days ago; -1 where the reader's clock was set back.
    ago: int
    lines: list[Event | Group] = field(default_factory=list)


def by_day(events: Iterable[Event], *, with_today: bool) -> list[Day]:
    """Sorts an inbox page, newest first, into the reader's days; with_today: the first is today, even if empty.

    A group stands where its newest member would.
    """
    today = timezone.localdate()
    days: dict[date, Day] = {today: Day(today, 0)} if with_today else {}
    groups: dict[Hashable, list[Event]] = {}
    for event in events:
        local = timezone.localdate(event.created_at)
        groups.setdefault((local, group_key(event)), []).append(event)
        days.setdefault(local, Day(local, (today - local).days))
    for (local, _key), members in groups.items():  # type: ignore[misc]
        days[local].lines += [Group(members)] if len(members) >= SMALLEST else members
    for day in days.values():
        day.lines.sort(key=position, reverse=True)
    return list(days.values())


def group_key(event: Event) -> Hashable:
    """What events must have in common to be grouped; for a kind that does not group, nothing has."""
    kind = kinds.get(event.kind)
    if kind is None or not kind.grouped:
        return event.pk
    return event.kind, event.channel, is_unread(event)


def position(line: Event | Group) -> int:
    """Where a line stands."""
    return (line.newest if isinstance(line, Group) else line).position or 0
