"""Numbers committed events on PostgreSQL by one call of a procedure, so that no writer waits for another.

The procedure (migrations/0008_number_events.py) runs on the server, which keeps the plans of its statements. Each statement has
a snapshot of its own (READ COMMITTED, whatever the default of the database), so the numbering sees all events that were
committed before its sequencer had the lock:

1. Looks for events without a position, and ends if there are none.
2. Locks the head's row, if it is free. A sequencer that finds it locked gives up: the one that holds it looks again.
3. Gives the positions behind the head to the events that have none, in the order of their ids, and moves the head.
4. Commits, which frees the lock and makes the positions visible. Then it notifies the other processes, once for all events:
   a transaction that writes does not wait for the lock under which PostgreSQL commits notifications.
5. Looks for events without a position. They were committed since step 3, by writers that found the head locked.

The server runs all steps by itself: a process that is stopped or killed in the middle does not keep the lock.
"""

import json
from datetime import datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.db import ProgrammingError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from notifications.models import Event

FREE, LOCKED, MISSING = "free", "locked", "missing"
CALL = "CALL notifications_number_events(%s, %s, NULL, NULL, NULL, NULL, NULL)"
# The channel of LISTEN and NOTIFY, in SQL. A schema is a site of its own.
NOTIFY_CHANNEL = "'notifications_' || md5(current_schema())"
# PostgreSQL's code for a procedure that does not exist: the tables were made without the migrations, as some tests do.
UNDEFINED_FUNCTION = "42883"
ROW_FIELDS = ("id", "channel", "kind", "data", "url", "key", "created_at", "position", "retracted_at")


class Numbered(NamedTuple):
    """The result of one call. state: of the head's row. head: its position after the call, if events got positions.

    epoch: of the log, empty unless the head's row was locked here. events: those that got their positions, in their order;
    None if there were more than were asked for. is_more: events were committed meanwhile, or are past the limit of one call.
    """

    state: str
    head: int
    epoch: str
    events: list[Event] | None
    is_more: bool


def number_at_once(connection: BaseDatabaseWrapper, most_carried: int, *, sender: str) -> Numbered | None:
    """Calls the procedure, outside of a transaction only; None if the database does not have it.

    most_carried: returns the events if there are not more. sender: named in the notification of the processes that listen; empty for none.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute(CALL, [most_carried, sender])
            state, head, epoch, rows, is_more = cursor.fetchone()
    except ProgrammingError as error:
        if getattr(error.__cause__, "sqlstate", getattr(error.__cause__, "pgcode", None)) != UNDEFINED_FUNCTION:
            raise
        return None
    return Numbered(state, head, epoch, None if rows is None else events_of(rows, connection), is_more)


def events_of(text: str, connection: BaseDatabaseWrapper) -> list[Event]:
    """Returns the events of a JSON array of rows, with their values converted as the fields do."""
    return [event_of_row(row, connection) for row in json.loads(text)]


def event_of_row(row: list[Any], connection: BaseDatabaseWrapper) -> Event:
    values = dict(zip(ROW_FIELDS, row, strict=True))
    values["data"] = Event._meta.get_field("data").from_db_value(values["data"], None, connection)
    for name in ("created_at", "retracted_at"):
        values[name] = values[name] and time_of(values[name], connection)
    return Event.from_db(connection.alias, list(values), list(values.values()))


def time_of(text: str, connection: BaseDatabaseWrapper) -> datetime:
    """Returns the time, aware or naive as the site's settings say."""
    found = datetime.fromisoformat(text)
    return found if settings.USE_TZ else timezone.make_naive(found, connection.timezone)


def can_number_at_once(connection: BaseDatabaseWrapper) -> bool:
    """Whether the procedure can be called now: on PostgreSQL, outside of a transaction."""
    return connection.vendor == "postgresql" and not connection.in_atomic_block and connection.get_autocommit()


def notify_others(connection: BaseDatabaseWrapper, head: int, epoch: str, sender: str) -> None:
    """Tells the processes that listen of a head, as the procedure does."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_notify({NOTIFY_CHANNEL}, %s)", [f"{head} {epoch} {sender}"])
