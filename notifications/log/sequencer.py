"""The log: append within the caller's transaction, give positions after commit, read by position, prune.

Invariants (docs/design.md, each with a test): positions have no gaps and never change; they become visible in their
own order, so a reader that has seen position n will never later find one below n; a rolled-back transaction leaves no
trace.
"""

from collections.abc import Callable

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Func, TextField, Value

from notifications import metrics
from notifications.log import wakeups
from notifications.log.reader import READ_LIMIT
from notifications.log.wakeups import Sequenced
from notifications.models import Event, Head

# Whoever has committed waits for no longer than that for a sequencer that is stuck; a tail then does what is left.
LOCK_TIMEOUT = "2s"

# Events that sequencing hands on with its wake-up; a tail reads more of them from the log itself.
MOST_CARRIED = 100

# What runs after commit, one function per database alias.
_callbacks: dict[str, Callable[[], None]] = {}


def _sequence_after_commit(alias: str) -> None:
    """Registers the sequencing once per transaction, whatever the number of events."""
    # A failing robust callback is named in the log by its __qualname__: a function has one, a partial not (trap 12).
    callback = _callbacks.setdefault(alias, lambda: wakeups.wake(give_positions(using=alias)))
    if any(callback in entry for entry in connections[alias].run_on_commit):
        # It goes with the savepoint it was registered in, and with that would go every row appended since.
        return
    transaction.on_commit(callback, using=alias, robust=True)


def sequence(*, using: str = DEFAULT_DB_ALIAS) -> int:
    """Gives positions like give_positions(); returns the head's."""
    return give_positions(using=using).head


@metrics.SEQUENCE_SECONDS.time()
def give_positions(*, using: str = DEFAULT_DB_ALIAS) -> Sequenced:
    """Gives every committed event without a position the next one, in order of id.

    The head's row is locked for it (a no-op on SQLite, whose transaction is IMMEDIATE), so sequencers stand in line
    and a position becomes visible only after all lower ones. Whoever calls next picks up what a dead process left.
    """
    connection = connections[using]
    with transaction.atomic(using=using):
        heads = Head.objects.using(using).select_for_update().filter(pk=Head.ID)
        if connection.vendor == "postgresql":
            # Within the statement itself: one of its own would be one more for each commit. It ends with the transaction.
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
    return Sequenced(head.position, events)


def _number(connection: BaseDatabaseWrapper, after: int) -> list[Event]:
    """Gives up to READ_LIMIT events the positions behind `after`; returns them in that order."""
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
    """Whether no committed event waits for its position; one look at a partial index, without a lock."""
    return not Event.objects.filter(position__isnull=True).exists()
