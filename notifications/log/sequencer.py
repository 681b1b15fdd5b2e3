"""Gives committed events their positions (the invariants are in the docstring of the package)."""

from collections.abc import Callable

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from notifications import metrics
from notifications.log import numbering, wakeups
from notifications.log.alias import database
from notifications.log.cursors import make_head
from notifications.log.reader import READ_LIMIT
from notifications.log.wakeups import Sequenced
from notifications.models import Event, Head

# A transaction that has committed waits for a stuck sequencer for no longer than this; a tail gives the positions then.
LOCK_TIMEOUT = "2s"

# Events that a wake-up carries at most; a tail reads any more from the log.
MOST_CARRIED = 100

EVENT_TABLE, HEAD_TABLE = Event._meta.db_table, Head._meta.db_table

# The function that runs after a commit, for each database alias.
_callbacks: dict[str, Callable[[], None]] = {}


def _sequence_after_commit(alias: str) -> None:
    """Registers the sequencing once for each transaction, whatever the number of events."""
    # Django logs a failed robust callback by its __qualname__, which a partial does not have (trap 12).
    callback = _callbacks.setdefault(alias, lambda: sequence_committed(alias))
    if any(callback in entry for entry in connections[alias].run_on_commit):
        # A rolled-back savepoint takes the callback with it only together with the rows that were appended since.
        return
    transaction.on_commit(callback, using=alias, robust=True)


def sequence_committed(alias: str) -> None:
    """Gives positions after a commit, and wakes the tails. Waits for no other sequencer where the engine allows that."""
    connection, carry = connections[alias], wakeups.carry_events()
    notify = wakeups.way() == wakeups.NOTIFY
    while numbering.can_number_at_once(connection):
        with metrics.SEQUENCE_SECONDS.time():
            numbered = numbering.number_at_once(
                connection, MOST_CARRIED if carry else 0, sender=wakeups.sender() if notify else ""
            )
        if numbered is None or numbered.state == numbering.MISSING:
            break
        if numbered.events != []:
            wakeups.wake(Sequenced(numbered.head, numbered.events or [], numbered.epoch))
        if numbered.state == numbering.LOCKED or not numbered.is_more:
            return
    sequenced = give_positions(using=alias, carry=carry)
    if notify:
        numbering.notify_others(connection, sequenced.head, sequenced.epoch, wakeups.sender())
    wakeups.wake(sequenced)


def sequence(*, using: str | None = None) -> int:
    """Gives positions as give_positions() does; returns the position of the head."""
    return give_positions(using=using, carry=False).head


@metrics.SEQUENCE_SECONDS.time()
def give_positions(*, using: str | None = None, carry: bool = True) -> Sequenced:
    """Gives positions to all committed events that have none, in the order of their ids. carry: returns the events too.

    The row of the head is locked meanwhile (on SQLite the transaction is IMMEDIATE). So one sequencer works at a time, and a
    position becomes visible only after all lower ones. Events of a process that died before its sequencing get their
    positions in the next call, by any process.
    """
    using = using or database()
    connection = connections[using]
    is_own = not connection.in_atomic_block
    with transaction.atomic(using=using), connection.cursor() as cursor:
        if is_own and connection.vendor == "postgresql":
            # A serializable sequencer would make the server abort writers that it happens to meet.
            cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        before, epoch = _lock_head(cursor, connection)
        head, last = before, READ_LIMIT
        events: list[Event] = []
        while last == READ_LIMIT:
            given = _number(connection, head) if carry else []
            last = len(given) if carry else _update(cursor, head)
            head += last
            events = [*events, *given] if head - before <= MOST_CARRIED else []
        if head > before:
            # By hand, as the SELECT: the ORM takes most of the time of this transaction.
            cursor.execute(f"UPDATE {HEAD_TABLE} SET position = %s WHERE id = %s", [head, Head.ID])  # noqa: S608
    return Sequenced(head, events, epoch)


def _lock_head(cursor: CursorWrapper, connection: BaseDatabaseWrapper) -> tuple[int, str]:
    """Locks the head's row, which is made if it is missing; returns its position and its epoch."""
    parameters: list[str | int]
    statement, parameters = f"SELECT position, epoch FROM {HEAD_TABLE} WHERE id = %s", [Head.ID]  # noqa: S608
    if connection.vendor == "postgresql":
        # Set within the SELECT, which saves a statement. The setting ends with the transaction.
        lock = "SELECT position, epoch, set_config('lock_timeout', %s, TRUE)"
        statement = f"{lock} FROM {HEAD_TABLE} WHERE id = %s FOR UPDATE"
        parameters = [LOCK_TIMEOUT, Head.ID]
    cursor.execute(statement, parameters)
    row = cursor.fetchone()
    if row is None:
        make_head(connection.alias)
        # Another sequencer may have made it: what counts is the row that is locked here.
        cursor.execute(statement, parameters)
        row = cursor.fetchone()
    return row[0], row[1]


# The ORM cannot number rows in an UPDATE. UPDATE … FROM and RETURNING: PostgreSQL, and SQLite since 3.35.
NUMBER = (
    f"UPDATE {EVENT_TABLE} SET position = %s + pending.place"  # noqa: S608
    f" FROM (SELECT id AS pending_id, ROW_NUMBER() OVER (ORDER BY id) AS place FROM {EVENT_TABLE}"
    " WHERE position IS NULL ORDER BY id LIMIT %s) AS pending"
    " WHERE id = pending.pending_id AND position IS NULL"
)


def _update(cursor: CursorWrapper, after: int) -> int:
    """Gives the positions after `after` to up to READ_LIMIT events; returns their number."""
    cursor.execute(NUMBER, [after, READ_LIMIT])
    return int(cursor.rowcount)


def _number(connection: BaseDatabaseWrapper, after: int) -> list[Event]:
    """Does what _update() does; returns the events in the order of their positions."""
    columns = ", ".join(connection.ops.quote_name(str(field.column)) for field in Event._meta.concrete_fields)
    numbered = Event.objects.using(connection.alias).raw(f"{NUMBER} RETURNING {columns}", [after, READ_LIMIT])
    return sorted(numbered, key=lambda event: event.position or 0)


def is_sequenced() -> bool:
    """Whether every committed event has its position. Reads a partial index, without a lock."""
    return not Event.objects.using(database()).filter(position__isnull=True).exists()
