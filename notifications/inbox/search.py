"""Finds the newest events of one user, and counts the unread ones, without reading a long log.

The statements are in statements.py. inbox.listing.items() has the same rules in the terms of the ORM;
`tests/notifications/inbox/test_search.py` checks that both find the same events.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from django.db import connections

from notifications import log
from notifications.inbox import statements
from notifications.models import Event, Subscription

# Events of the window. Reading them costs about as much as a search in 200 channels, and they hold a page for a user who
# receives a fortieth of all events.
WINDOW = 2000


@dataclass(frozen=True)
class Search:
    """A search in one user's inbox. `hidden`: kinds to leave out; `before`: a position; `kind`: the only kind, or all if empty."""

    user_id: Any
    hidden: Collection[str]
    unread_only: bool = False
    before: int | None = None
    kind: str = ""
    using: str = field(default_factory=log.database)

    def events(self, limit: int) -> list[Event]:
        """Returns the events, the newest first, up to a limit, each with `is_unread`."""
        text = self._filled(statements.PAGE_STATEMENT, limit)
        found = list(Event.objects.using(self.using).raw(text, self._parameters()))
        for event in found:
            # SQLite returns 0 and 1.
            vars(event)["is_unread"] = bool(vars(event)["is_unread"])
        return found

    def count(self, limit: int) -> int:
        """Counts the events, up to a limit.

        The window decides most counts. Only the others need the second statement, which PostgreSQL takes longer to plan than
        it takes to run the first.
        """
        recent, may_be_more = self._row(statements.COUNT_RECENT_STATEMENT, limit)
        if recent >= limit or not may_be_more:
            return int(recent)
        (count,) = self._row(statements.COUNT_STATEMENT, limit)
        return int(count)

    def _row(self, text: str, limit: int) -> tuple[Any, ...]:
        with connections[self.using].cursor() as cursor:
            cursor.execute(self._filled(text, limit), self._parameters())
            row: tuple[Any, ...] = cursor.fetchone()
        return row

    def _filled(self, text: str, limit: int) -> str:
        """Returns the statement with its clauses filled in; every value stays a parameter."""
        low = statements.LOW_OF_UNREAD if self.unread_only else statements.LOW_OF_ALL
        before = "position IS NOT NULL" if self.before is None else "position < %(before)s"
        wanted = self._wanted()
        newest = statements.OF_CHANNEL.format(column="id", low=low, wanted=wanted, limit=limit)
        one_of_newest = statements.ONE_OF_NEWEST[connections[self.using].vendor].format(newest=newest)
        made_unread = statements.MADE_UNREAD.format(low=low, wanted=wanted, before=before) if self.unread_only else ""
        return text.format(
            window=WINDOW,
            limit=limit,
            low=low,
            before=before,
            wanted=wanted,
            newest_position=statements.OF_CHANNEL.format(column="position", low=low, wanted=wanted, limit=1),
            one_of_newest=one_of_newest,
            made_unread=made_unread,
        )

    def _wanted(self) -> str:
        conditions = [
            statements.UNREAD_CASE if self.unread_only else statements.IS_KEPT,
            statements.IS_NOT_RETRACTED,
        ]
        if self.hidden:
            names = ", ".join(f"%(hidden_{number})s" for number in range(len(self.hidden)))
            conditions.append(f"e.kind NOT IN ({names})")
        if self.kind:
            conditions.append("e.kind = %(kind)s")
        return " AND ".join(conditions)

    def _parameters(self) -> dict[str, Any]:
        """Returns the parameters as the fields convert them: SQLite stores a UUID as text, PostgreSQL as its own type."""
        connection = connections[self.using]

        def converted(model: type[Any], name: str, value: Any) -> Any:
            return model._meta.get_field(name).get_db_prep_value(value, connection)

        values = {
            "user": converted(Subscription, "user", self.user_id),
            "before": converted(Event, "position", self.before),
            "kind": converted(Event, "kind", self.kind),
        }
        return values | {f"hidden_{number}": converted(Event, "kind", kind) for number, kind in enumerate(self.hidden)}
