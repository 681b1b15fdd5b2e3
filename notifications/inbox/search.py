"""The newest events of one person, and how many are unread, found without reading a long log: one statement each.

A log may hold millions of events, and a person may hear a thousand channels. The newest WINDOW events of all people are
looked through first: who hears much finds a page of it there. Only for what is older is each channel asked by itself, for
the newest it has, and only the channels with the newest of these are read. What the rules are is said by inbox.items();
`tests/notifications/inbox/test_search.py` holds that both say the same.
"""


# Statements are put together from what is written here; every value goes in as a parameter.
# ruff: noqa: S608

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from django.db import connections, router

from notifications.models import Event, Reading, Subscription

# Events looked through before any channel is asked: about as dear as asking two hundred channels, and enough for a page of
# whoever hears a fortieth of all that happens.
WINDOW = 2000

EVENT, SUBSCRIPTION, READING = (model._meta.db_table for model in (Event, Subscription, Reading))
COLUMNS = ", ".join(f"e.{each.column}" for each in Event._meta.concrete_fields)
# Of an event `e` in a subscription `s`, with what the person did to it by itself, `r`.
HEARD = "s.user_id = %(user)s AND NOT s.muted"
# To be joined with events: the limit is there so that nobody looks for the channel of an event among all its followers.
MINE = f"(SELECT channel, since, read_through FROM {SUBSCRIPTION} s WHERE {HEARD} LIMIT {2**62}) s"
MARK = f"LEFT JOIN {READING} r ON r.user_id = %(user)s AND r.event_id = e.id"
UNREAD = (
    f"CASE WHEN r.state IS NULL THEN e.position > s.read_through"
    f" ELSE r.state = '{Reading.State.UNREAD}' AND r.since >= s.read_through END"
)
KEPT = f"(r.state IS NULL OR r.state IN ('{Reading.State.READ}', '{Reading.State.UNREAD}'))"


@dataclass(frozen=True)
class Search:
    """What is looked for: a person's events but those of `hidden` kinds, only the unread, before a position, of a kind."""

    user_id: Any
    hidden: Collection[str]
    unread_only: bool = False
    before: int | None = None
    kind: str = ""
    using: str = field(default_factory=lambda: router.db_for_read(Event))

    def events(self, limit: int) -> list[Event]:
        """Returns the newest first, each with `is_unread`."""
        statement = (
            f"{self._found(limit, newest_first=True)}"
            f" SELECT {COLUMNS}, {UNREAD} AS is_unread FROM found JOIN {EVENT} e ON e.id = found.id"
            f" JOIN {MINE} ON s.channel = e.channel {MARK} ORDER BY e.position DESC"
        )
        found = list(Event.objects.using(self.using).raw(statement, self._parameters()))
        for event in found:
            # As the database says it, and SQLite says 0 and 1.
            vars(event)["is_unread"] = bool(vars(event)["is_unread"])
        return found

    def count(self, limit: int) -> int:
        """Counts them, up to a limit; a second statement only where the window does not say it all.

        To plan the second one takes PostgreSQL longer than to run the first.
        """
        again = f"EXISTS (SELECT 1 FROM {READING} WHERE user_id = %(user)s AND state = '{Reading.State.UNREAD}')"
        recent, more = self._row(
            f"WITH {self._edge()}, recent AS ({self._recent(limit, newest_first=False)})"
            f" SELECT COUNT(*), (SELECT floor < position FROM edge) OR {again} FROM recent"
        )
        if recent >= limit or not more:
            return int(recent)
        (count,) = self._row(f"{self._found(limit, newest_first=False)} SELECT COUNT(*) FROM found")
        return int(count)

    def _row(self, statement: str) -> tuple[Any, ...]:
        with connections[self.using].cursor() as cursor:
            cursor.execute(statement, self._parameters())
            row: tuple[Any, ...] = cursor.fetchone()
        return row

    def _found(self, limit: int, *, newest_first: bool) -> str:
        """The common part: `found` has the ids of what is looked for. Which come first matters to a page, not to a count."""
        parts = ["SELECT id, position FROM recent", "SELECT id, position FROM older"]
        if self.unread_only:
            parts.append(self._made_unread())
        order = "ORDER BY position DESC" if newest_first else ""
        return (
            f"WITH {self._edge()}, recent AS ({self._recent(limit, newest_first=newest_first)}),"
            f" older AS ({self._older(limit, newest_first=newest_first)}),"
            f" found AS ({' UNION ALL '.join(parts)} {order} LIMIT {limit})"
        )

    def _edge(self) -> str:
        """Where the window begins, and up to where nothing is looked for in any channel."""
        return (
            f"edge AS (SELECT COALESCE(MAX(position), 0) - {WINDOW} AS position,"
            f" (SELECT MIN({self._low()}) FROM {SUBSCRIPTION} s WHERE {HEARD}) AS floor"
            f" FROM {EVENT} WHERE {self._bound('position')})"
        )

    def _low(self) -> str:
        """Up to where nothing is looked for in a channel, but for what was made unread again."""
        return (
            "CASE WHEN s.read_through > s.since THEN s.read_through ELSE s.since END" if self.unread_only else "s.since"
        )

    def _recent(self, limit: int, *, newest_first: bool) -> str:
        """What there is in the window."""
        order = "ORDER BY e.position DESC" if newest_first else ""
        return (
            f"SELECT e.id, e.position FROM (SELECT id, channel, kind, position FROM {EVENT}"
            f" WHERE {self._bound('position')} AND position > (SELECT position FROM edge) AND position > (SELECT floor FROM edge)"
            f" ORDER BY position DESC LIMIT {WINDOW}) e"
            f" JOIN {MINE} ON s.channel = e.channel AND e.position > {self._low()} {MARK}"
            f" WHERE {self._wanted()} {order} LIMIT {limit}"
        )

    def _older(self, limit: int, *, newest_first: bool) -> str:
        """Where the window did not have enough: what is before it.

        The newest `limit` of all channels are in the `limit` channels with the newest, and are their newest `limit`.
        """
        newest = f"({self._of_channel('position', 1)})" if newest_first else "NULL"
        channels = (
            f"SELECT s.*, {newest} AS newest FROM {SUBSCRIPTION} s WHERE {HEARD}"
            f" AND {self._low()} < (SELECT position FROM edge) AND (SELECT COUNT(*) FROM recent) < {limit}"
        )
        if newest_first:
            channels += f" ORDER BY newest DESC NULLS LAST LIMIT {limit}"
        # Both read a channel's part of the index and no more: a plain join is planned as one read of the whole log.
        postgresql = connections[self.using].vendor == "postgresql"
        ids = self._of_channel("id", limit)
        one_of = f"= ANY (ARRAY({ids}))" if postgresql else f"IN ({ids})"
        return f"SELECT f.id, f.position FROM ({channels}) s JOIN {EVENT} f ON f.id {one_of}"

    def _of_channel(self, column: str, limit: int) -> str:
        """The newest of the channel of `s`, before the window."""
        return (
            f"SELECT e.{column} FROM {EVENT} e {MARK} WHERE e.channel = s.channel AND e.position > {self._low()}"
            f" AND e.position <= (SELECT position FROM edge) AND {self._wanted()} ORDER BY e.position DESC LIMIT {limit}"
        )

    def _made_unread(self) -> str:
        """What was read and made unread again, however old."""
        return (
            f"SELECT e.id, e.position FROM {READING} r JOIN {EVENT} e ON e.id = r.event_id"
            f" JOIN {MINE} ON s.channel = e.channel"
            f" WHERE r.user_id = %(user)s AND r.state = '{Reading.State.UNREAD}' AND e.position > s.since"
            f" AND e.position <= {self._low()} AND {self._wanted()} AND {self._bound('e.position')}"
        )

    def _bound(self, position: str) -> str:
        return f"{position} IS NOT NULL" if self.before is None else f"{position} < %(before)s"

    def _wanted(self) -> str:
        conditions = [UNREAD if self.unread_only else KEPT]
        if self.hidden:
            conditions.append(
                f"e.kind NOT IN ({', '.join(f'%(hidden_{number})s' for number in range(len(self.hidden)))})"
            )
        if self.kind:
            conditions.append("e.kind = %(kind)s")
        return " AND ".join(conditions)

    def _parameters(self) -> dict[str, Any]:
        hidden = {f"hidden_{number}": kind for number, kind in enumerate(self.hidden)}
        return {"user": self.user_id, "before": self.before, "kind": self.kind, **hidden}
