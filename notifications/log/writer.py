"""Appends events within the caller's transaction."""

from collections.abc import Iterable, Mapping
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connections, transaction
from django.db.models import Model
from django.db.models.sql import InsertQuery

from notifications.log.alias import database
from notifications.log.sequencer import _sequence_after_commit
from notifications.log.validation import validate
from notifications.models import Event


def append(
    channel: str, kind: str, data: Mapping[str, Any] | str | None = None, *, url: str = "", key: str | None = None
) -> None:
    """Writes one event in the caller's transaction; after the commit the event gets a position and is delivered.

    channel: its subscribers receive the event, e.g. "seller:7". data: JSON that the kind's texts need; never HTML, never
    private fields; streams send a string as it is. url: the link, a path of this site. key: a second event with the
    same key is not written, as long as the first one is kept: prune() deletes the key with its event. Raises ValueError,
    before anything is written, for what the log does not store (log/validation.py).
    """
    append_all([Event(channel=channel, kind=kind, data={} if data is None else data, url=url, key=key)])


def append_all(events: Iterable[Event]) -> None:
    """Writes several events at once, in their order; see append(). Replaces the data of each by plain JSON."""
    events = list(events)
    if not events:
        return
    for event in events:
        validate(event)
    alias = database()
    _insert(events, alias)
    _sequence_after_commit(alias)


async def aappend(
    channel: str, kind: str, data: Mapping[str, Any] | str | None = None, *, url: str = "", key: str | None = None
) -> None:
    """Does what append() does, for coroutines. Its transaction is its own: Django has none that spans several awaits."""
    await sync_to_async(append)(channel, kind, data, url=url, key=key)


async def aappend_all(events: Iterable[Event]) -> None:
    """Does what append_all() does, for coroutines; the events are one transaction."""
    await sync_to_async(append_all)(events)


def _insert(events: list[Event], alias: str) -> None:
    """Inserts the events, but those with a key that is in the log already."""
    connection = connections[alias]
    fields = [field for field in Event._meta.concrete_fields if not field.primary_key]
    rows: list[Model] = list(events)
    # SQLite limits the number of values in one statement.
    size = max(connection.ops.bulk_batch_size(fields, rows), 1)
    key = connection.ops.quote_name("key")
    with transaction.atomic(using=alias, savepoint=False), connection.cursor() as cursor:
        for start in range(0, len(rows), size):
            query = InsertQuery(Event)
            query.insert_values(fields, rows[start : start + size])
            for statement, values in query.get_compiler(alias).as_sql():
                # The database skips known keys: no race, no aborted transaction. bulk_create cannot express this: its
                # ignore_conflicts also drops an event with a taken id (if a restore left the sequence behind), and
                # its update_conflicts locks the existing event until the end of the transaction.
                cursor.execute(f"{statement} ON CONFLICT ({key}) DO NOTHING", values)
