"""Gives committed events their positions (the invariants are in the docstring of the package)."""

from collections.abc import Callable

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Func, TextField, Value

from notifications import metrics
from notifications.log import numbering, wakeups
from notifications.log.alias import database
from notifications.log.reader import READ_LIMIT
from notifications.log.wakeups import Sequenced
from notifications.models import Event, Head

# A transaction that has committed waits for a stuck sequencer for no longer than this; a tail gives the positions then.
LOCK_TIMEOUT = "2s"

# Events that a wake-up carries at most; a tail reads any more from the log.
MOST_CARRIED = 100

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
    connection = connections[alias]
    if not numbering.can_number_at_once(connection):
        wakeups.wake(give_positions(using=alias))
        return
    while True:
        with metrics.SEQUENCE_SECONDS.time():
            numbered = numbering.number_at_once(connection)
        if numbered.head == numbering.MISSING:
            wakeups.wake(give_positions(using=alias))
            return
        if numbered.events:
            head = numbered.events[-1].position or 0
            carried = numbered.events if len(numbered.events) <= MOST_CARRIED else []
            wakeups.wake(Sequenced(head, carried, numbered.epoch))
        if numbered.head == numbering.LOCKED or not numbered.is_more:
            return


def sequence(*, using: str | None = None) -> int:
    """Gives positions as give_positions() does; returns the position of the head."""
    return give_positions(using=using).head


@metrics.SEQUENCE_SECONDS.time()
def give_positions(*, using: str | None = None) -> Sequenced:
    """Gives positions to all committed events that have none, in the order of their ids.

    The row of the head is locked meanwhile (a no-op on SQLite, where the transaction is IMMEDIATE). So one sequencer works
    at a time, and a position becomes visible only after all lower ones. Events of a process that died before its
    sequencing get their positions in the next call, by any process.
    """
    using = using or database()
    connection = connections[using]
    with transaction.atomic(using=using):
        heads = Head.objects.using(using).select_for_update().filter(pk=Head.ID)
        if connection.vendor == "postgresql":
            # Set within the SELECT, which saves a statement for each commit. The setting ends with the transaction.
            setting = (Value("lock_timeout"), Value(LOCK_TIMEOUT), Value(value=True))
            heads = heads.annotate(patience=Func(*setting, function="set_config", output_field=TextField()))
        head = heads.first()
        if head is None:
            head, _created = Head.objects.using(using).get_or_create(pk=Head.ID)
        before = head.position
        events: list[Event] = []
        while given := _number(connection, head.position):
            head.position += len(given)
            events = [*events, *given] if head.position - before <= MOST_CARRIED else []
            if len(given) < READ_LIMIT:
                break
        if head.position > before:
            head.save(using=using, update_fields=["position"])
    return Sequenced(head.position, events, head.epoch)


def _number(connection: BaseDatabaseWrapper, after: int) -> list[Event]:
    """Gives the positions after `after` to up to READ_LIMIT events; returns these in the order of their positions."""
    quote = connection.ops.quote_name
    table = quote(Event._meta.db_table)
    columns = ", ".join(quote(str(field.column)) for field in Event._meta.concrete_fields)
    # The ORM cannot number rows in an UPDATE. UPDATE … FROM and RETURNING: PostgreSQL, and SQLite since 3.35.
    numbered = Event.objects.using(connection.alias).raw(
        f"UPDATE {table} SET position = %s + pending.place"  # noqa: S608
        f" FROM (SELECT id AS pending_id, ROW_NUMBER() OVER (ORDER BY id) AS place FROM {table}"
        " WHERE position IS NULL ORDER BY id LIMIT %s) AS pending"
        f" WHERE id = pending.pending_id AND position IS NULL RETURNING {columns}",
        [after, READ_LIMIT],
    )
    return sorted(numbered, key=lambda event: event.position or 0)


def is_sequenced() -> bool:
    """Whether every committed event has its position. Reads a partial index, without a lock."""
    return not Event.objects.using(database()).filter(position__isnull=True).exists()
