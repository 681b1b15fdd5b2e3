"""The log: append within the caller's transaction, give positions after commit, read by position, prune.

Invariants (docs/design.md, each with a test): positions have no gaps and never change; they become visible in their
own order, so a reader that has seen position n will never later find one below n; a rolled-back transaction leaves no
trace.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from django.db import DEFAULT_DB_ALIAS, connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Func, Model, Q, TextField, Value
from django.db.models.sql import InsertQuery
from django.utils import timezone

from notifications import metrics, wake
from notifications.models import Event, Head
from notifications.wake import Sequenced

# One page of a read: bounds memory, and how long one reader may hold a thread.
PAGE = 500
# Rows deleted in one transaction of prune(): writers wait for no longer than that.
PRUNE_CHUNK = 1000
# Whoever has committed waits for no longer than that for a sequencer that is stuck; a tail then does what is left.
LOCK_TIMEOUT = "2s"

# Events that sequencing hands on with its wake-up; a tail reads more of them from the log itself.
MOST_CARRIED = 100

# What runs after commit, one function per database alias.
_callbacks: dict[str, Callable[[], None]] = {}


def append(
    channel: str, kind: str, data: Mapping[str, Any] | str | None = None, *, url: str = "", key: str | None = None
) -> None:
    """Writes one event in the caller's transaction; after its commit the event gets a position and is delivered.

    channel: who hears it, e.g. "seller:7". data: JSON that the kind's texts need, never HTML, never private fields; a
    string is sent to streams as it is. url: where a click leads, a path of this site. key: the same key is written
    once, however often it is appended, as long as its event is kept: prune() forgets the key with the event.
    """
    append_all([Event(channel=channel, kind=kind, data={} if data is None else data, url=url, key=key)])


def append_all(events: Iterable[Event]) -> None:
    """Writes many events at once, in their order; see append()."""
    events = list(events)
    if not events:
        return
    alias = router.db_for_write(Event)
    _insert(events, alias)
    _sequence_after_commit(alias)


def _insert(events: list[Event], alias: str) -> None:
    """Inserts the events whose key is not in the log yet."""
    connection = connections[alias]
    fields = [field for field in Event._meta.concrete_fields if not field.primary_key]
    rows: list[Model] = list(events)
    # SQLite takes a limited number of values in one statement.
    size = max(connection.ops.bulk_batch_size(fields, rows), 1)
    key = connection.ops.quote_name("key")
    with transaction.atomic(using=alias, savepoint=False), connection.cursor() as cursor:
        for start in range(0, len(rows), size):
            query = InsertQuery(Event)
            query.insert_values(fields, rows[start : start + size])
            for statement, values in query.get_compiler(alias).as_sql():
                # By the database itself: no race, no aborted transaction. bulk_create cannot say it: ignore_conflicts
                # also drops an event whose id is taken (a sequence behind after a restore), and update_conflicts
                # locks the event that is there until the end of the transaction.
                cursor.execute(f"{statement} ON CONFLICT ({key}) DO NOTHING", values)


def _sequence_after_commit(alias: str) -> None:
    """Registers the sequencing once per transaction, whatever the number of events."""
    # A failing robust callback is named in the log by its __qualname__: a function has one, a partial not (trap 12).
    callback = _callbacks.setdefault(alias, lambda: wake.wake(give_positions(using=alias)))
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
            if len(given) < PAGE:
                break
        if head.position > before:
            head.save(using=using, update_fields=["position"])
    return Sequenced(head.position, events)


def _number(connection: BaseDatabaseWrapper, after: int) -> list[Event]:
    """Gives up to PAGE events the positions behind `after`; returns them in that order."""
    quote = connection.ops.quote_name
    table = quote(Event._meta.db_table)
    columns = ", ".join(quote(str(field.column)) for field in Event._meta.concrete_fields)
    # The ORM cannot number rows in an UPDATE. UPDATE … FROM and RETURNING: PostgreSQL, and SQLite since 3.35.
    numbered = Event.objects.using(connection.alias).raw(
        f"UPDATE {table} SET position = %s + pending.place"  # noqa: S608
        f" FROM (SELECT id AS pending_id, ROW_NUMBER() OVER (ORDER BY id) AS place FROM {table}"
        " WHERE position IS NULL ORDER BY id LIMIT %s) AS pending"
        f" WHERE id = pending.pending_id AND position IS NULL RETURNING {columns}",
        [after, PAGE],
    )
    return sorted(numbered, key=lambda event: event.position or 0)


def is_sequenced() -> bool:
    """Whether no committed event waits for its position; one look at a partial index, without a lock."""
    return not Event.objects.filter(position__isnull=True).exists()


class Bounds(NamedTuple):
    """Positions of the log: every event after `horizon` and up to `head` can be read."""

    head: int
    horizon: int


def bounds() -> Bounds:
    """Returns the log's bounds; an empty log is (0, 0)."""
    row = Head.objects.filter(pk=Head.ID).values_list("position", "horizon").first()
    return Bounds(*row) if row else Bounds(0, 0)


def head() -> int:
    """Returns the last position given: the cursor of somebody who has seen everything."""
    return bounds().head


def read(
    after: int, *, through: int | None = None, channels: Collection[str] | None = None, limit: int = PAGE
) -> list[Event]:
    """Returns up to `limit` events with after < position <= through, of these channels, by position."""
    events = Event.objects.filter(position__gt=after)
    if through is not None:
        events = events.filter(position__lte=through)
    if channels is not None:
        events = events.filter(channel__in=channels)
    return list(events.order_by("position")[:limit])


def prune(older_than: timedelta, *, spare: Q | None = None) -> int:
    """Deletes events older than that, but for those to spare, in chunks, and moves the horizon; returns how many it deleted.

    The horizon moves first: a cursor below it is answered with `reset`, never with a silent gap. What is spared stays in
    inboxes; no stream catches up through it. Keys are forgotten with their events: appended again, such a key is told again.
    """
    cutoff = timezone.now() - older_than
    newest = (
        Event.objects.filter(created_at__lt=cutoff, position__isnull=False)
        .order_by("-position")
        .values_list("position", flat=True)
        .first()
    )
    if newest is None:
        return 0
    with transaction.atomic():
        Head.objects.select_for_update().get(pk=Head.ID)
        Head.objects.filter(pk=Head.ID, horizon__lt=newest).update(horizon=newest)
    due = Event.objects.filter(position__lte=newest)
    if spare is not None:
        due = due.exclude(spare)
    pruned = through = 0
    # From where the last chunk ended: what was spared before it is not asked about again.
    while chunk := dict(
        due.filter(position__gt=through).order_by("position").values_list("pk", "position")[:PRUNE_CHUNK]
    ):
        with transaction.atomic():
            Event.objects.filter(pk__in=list(chunk)).delete()
        pruned, through = pruned + len(chunk), max(position or 0 for position in chunk.values())
    return pruned
