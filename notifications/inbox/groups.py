"""The lines of an inbox page: by day, and similar events as one line that opens ("3 new orders")."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from datetime import date

from django.utils import timezone

from notifications import kinds
from notifications.inbox.listing import is_unread
from notifications.models import Event

# The smallest group: one line for two events would save no reading.
SMALLEST = 3


@dataclass(slots=True)
class Group:
    """Several events of a day, a channel and a kind, all read or all unread, the newest first."""

    members: list[Event]

    @property
    def newest(self) -> Event:
        """The newest event; the group stands in its place."""
        return self.members[0]

    @property
    def is_unread(self) -> bool:
        """Whether its events are unread."""
        return is_unread(self.newest)

    @property
    def title(self) -> str:
        """The text of the line, in the active language."""
        return kinds.render_group(self.newest.kind, self.newest.data, len(self.members))


@dataclass(slots=True)
class Day:
    """The lines of one day."""

    date: date
    # Days before today; -1 for an event after today, as after a change of the time zone.
    ago: int
    lines: list[Event | Group] = field(default_factory=list)


def by_day(events: Iterable[Event], *, with_today: bool) -> list[Day]:
    """Divides a page of the inbox, the newest event first, by the days of the active time zone.

    with_today: the first day is today, even without events. A group stands in the place of its newest event.
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
    """Returns a value that is equal for the events of one group; it differs for each event of a kind without groups."""
    kind = kinds.get(event.kind)
    if kind is None or not kind.grouped:
        return event.pk
    return event.kind, event.channel, is_unread(event)


def position(line: Event | Group) -> int:
    """Returns the position of a line, by which lines are sorted."""
    return (line.newest if isinstance(line, Group) else line).position or 0
