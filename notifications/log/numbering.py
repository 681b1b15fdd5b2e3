"""Numbers committed events on PostgreSQL in one message, so that no writer waits for another.

The message is a whole transaction and one more look. Each statement has a snapshot of its own (READ COMMITTED, whatever the
default of the database), so the numbering sees all events that were committed before its sequencer had the lock:

1. Locks the head's row, if it is free. A sequencer that finds it locked gives up: the one that holds it looks again.
2. Gives the positions behind the head to the events that have none, in the order of their ids, and moves the head.
3. Commits, which frees the lock and makes the positions visible.
4. Looks for events without a position. They were committed since step 2, by writers that found the head locked.

The server runs all steps by itself: a process that is stopped or killed in the middle does not keep the lock.
"""

from typing import Any, NamedTuple

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from notifications.log.reader import READ_LIMIT
from notifications.models import Event, Head

FREE, LOCKED, MISSING = "free", "locked", "missing"
SETTING = "notifications.head"

FIELDS = Event._meta.concrete_fields
HEAD_TABLE, EVENT_TABLE = Head._meta.db_table, Event._meta.db_table
COLUMN_NAMES = ", ".join(str(field.column) for field in FIELDS)

# Every value in it is a number or a name of this package. Only a message without parameters may have several statements.
MESSAGE = f"""
BEGIN ISOLATION LEVEL READ COMMITTED;
SELECT set_config('{SETTING}', COALESCE(
    (SELECT position::text FROM {HEAD_TABLE} WHERE id = {Head.ID} FOR UPDATE SKIP LOCKED),
    ''
), TRUE) <> '', (SELECT epoch FROM {HEAD_TABLE} WHERE id = {Head.ID});
WITH pending AS (
    SELECT id AS pending_id, ROW_NUMBER() OVER (ORDER BY id) AS place
    FROM {EVENT_TABLE}
    WHERE position IS NULL AND current_setting('{SETTING}') <> ''
    ORDER BY id
    LIMIT {READ_LIMIT}
), numbered AS (
    UPDATE {EVENT_TABLE} SET position = NULLIF(current_setting('{SETTING}'), '')::bigint + pending.place
    FROM pending
    WHERE id = pending_id AND position IS NULL
    RETURNING {COLUMN_NAMES}
), moved AS (
    UPDATE {HEAD_TABLE} SET position = position + (SELECT COUNT(*) FROM numbered)
    WHERE id = {Head.ID} AND EXISTS (SELECT 1 FROM numbered)
)
SELECT {COLUMN_NAMES} FROM numbered ORDER BY position;
COMMIT;
SELECT EXISTS (SELECT 1 FROM {EVENT_TABLE} WHERE position IS NULL)
"""  # noqa: S608


class Numbered(NamedTuple):
    """The result of one message. head: the state of its row. events: those that got their positions, in their order.

    is_more: events were committed meanwhile, or are past the limit of one message. epoch: of the log.
    """

    head: str
    events: list[Event]
    is_more: bool
    epoch: str


def number_at_once(connection: BaseDatabaseWrapper) -> Numbered:
    """Sends the message; outside of a transaction only."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(MESSAGE)
            cursor.nextset()
            is_free, epoch = cursor.fetchone()
            cursor.nextset()
            rows = cursor.fetchall()
            cursor.nextset()
            cursor.nextset()
            (is_more,) = cursor.fetchone()
    except DatabaseError:
        # It may be in the failed transaction of the message, of which Django does not know.
        connection.close()
        raise
    state = FREE if is_free else MISSING if epoch is None else LOCKED
    return Numbered(state, [to_event(row, connection) for row in rows], is_more, epoch or "")


def to_event(row: tuple[Any, ...], connection: BaseDatabaseWrapper) -> Event:
    """Returns the event of a row, with its values converted as the fields do."""
    values = [
        field.from_db_value(value, None, connection) if hasattr(field, "from_db_value") else value
        for field, value in zip(FIELDS, row, strict=True)
    ]
    return Event.from_db(connection.alias, [field.attname for field in FIELDS], values)


def can_number_at_once(connection: BaseDatabaseWrapper) -> bool:
    """Whether the engine takes the message now: PostgreSQL by psycopg 3, outside of a transaction."""
    if connection.vendor != "postgresql" or connection.in_atomic_block or not connection.get_autocommit():
        return False
    from django.db.backends.postgresql.psycopg_any import is_psycopg3

    return bool(is_psycopg3)
