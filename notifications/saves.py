"""The short ways from a model to a notification: an event for each new row, a call for each change of a field."""

import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import connections
from django.db.models import Model
from django.db.models.signals import post_save, pre_save

from notifications import deletions, log
from notifications.deletions import senders_of
from notifications.kinds import Kind, register
from notifications.models import Event

# In the place of a stored value, for a save that does not write the field.
NOT_WRITTEN = object()

# By the label of a model and a field: the functions that call_on_change() calls, by their uid.
_watchers: dict[tuple[str, str], dict[str, Callable[[Any, Any], object]]] = {}

# Set while quietly() runs, in this thread or task alone.
_quiet: ContextVar[bool] = ContextVar("quiet", default=False)


@contextmanager
def quietly() -> Iterator[None]:
    """Saves notify of nothing while the block runs, as for an import or a back-fill: in this thread or task alone.

    It holds for notify_on_create() and call_on_change(). Nothing is made up for later: call the function that
    notify_on_create() has returned for rows that should be notified of after all. log.append() works as ever, and deletions
    retract their events.
    """
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)


def notify_on_create(
    model: type[Model] | str,
    kind: Kind,
    *,
    to: Callable[[Any], str],
    fields: Collection[str] = (),
    retract_deleted: bool = True,
) -> Callable[..., None]:
    """Registers the kind, and appends an event of it for each new row; the link is the row's get_absolute_url().

    model: the class, or "app.Model". to: returns the channel of a row, e.g. "user:7". fields: the fields of the row that
    the kind's texts name. retract_deleted: the event of a row that is deleted is retracted, since its link leads nowhere. Derive the model from AtomicSaves, so that the row and its event are one transaction.
    Returns a function: call it with rows that were made without signals (bulk_create). A row makes one event at most.
    """
    register(kind)

    def event(row: Model) -> Event:
        link = getattr(row, "get_absolute_url", None)
        return Event(
            channel=to(row),
            kind=kind.name,
            data={field: plain(getattr(row, field)) for field in fields},
            url=link() if link else "",
            key=key(row),
        )

    def key(row: Model) -> str:
        return f"{kind.name}:{row.pk}"

    def tell(*rows: Model) -> None:
        log.append_all(event(row) for row in rows)

    call_on_create(model, tell, uid=f"notifications.notify_on_create.{kind.name}")
    if retract_deleted:
        deletions.retract_on_delete(model, lambda row: [key(row)])
    return tell


def call_on_create(model: type[Model] | str, act: Callable[[Any], object], *, uid: str) -> None:
    """Calls `act(row)` after each save that inserted a row, fixtures and quietly() apart.

    model: the class, or "app.Model"; rows of its proxies and of the models that inherit from it count too. uid: the same one
    replaces what was connected before.
    """

    def act_on_row(sender: Any, instance: Model, *, created: bool, raw: bool, **kwargs: Any) -> None:
        if created and not raw and not _quiet.get():
            act(instance)

    for sender in senders_of(model):
        # Not weak: nothing else refers to the receiver.
        post_save.connect(act_on_row, sender=sender, weak=False, dispatch_uid=uid)


def call_on_change(model: type[Model] | str, field: str, act: Callable[[Any, Any], object], *, uid: str = "") -> None:
    """Calls `act(row, before)` after each save that changed a field's value in the database.

    model: the class, or "app.Model"; rows of its proxies and of the models that inherit from it count too. uid: the same one
    replaces what was connected before; else it is made of the field and the function's name. before: the value that the database held until then; None for a new row. The value is
    read within the transaction of the save, with the row locked, so neither a row that was loaded long ago nor one that was
    made from its primary key alone leads to a call without a change; let the model be an AtomicSaves. A save that does not
    write the field costs no query. Fixtures, QuerySet.update(), bulk_create() and raw SQL lead to no call.
    """
    label = model.lower() if isinstance(model, str) else model._meta.label_lower
    acts = _watchers.setdefault((label, field), {})
    acts[uid or f"{act.__module__}.{act.__qualname__}"] = act
    # A list, because a receiver may save the row again: one value for each save that is running.
    running = f"_{field}_before_of_{label}"

    def remember(
        sender: Any, instance: Model, *, raw: bool, using: str, update_fields: frozenset[str] | None, **kwargs: Any
    ) -> None:
        known: Any = instance._meta.get_field(field)
        names = {field, known.attname}
        is_written = not raw and not _quiet.get() and (update_fields is None or bool(names & update_fields))
        before = stored_value(instance, field, using) if is_written else NOT_WRITTEN
        vars(instance).setdefault(running, []).append(before)

    def compare(sender: Any, instance: Model, *, created: bool, using: str, **kwargs: Any) -> None:
        before = vars(instance)[running].pop()
        if before is not NOT_WRITTEN and saved_value(instance, field, using) != before:
            for each in tuple(acts.values()):
                each(instance, before)

    # One pair of receivers for all functions of a field: the value is read once.
    receivers = f"notifications.call_on_change.{label}.{field}"
    for sender in senders_of(model):
        pre_save.connect(remember, sender=sender, weak=False, dispatch_uid=receivers)
        post_save.connect(compare, sender=sender, weak=False, dispatch_uid=receivers)


def stored_value(row: Model, field: str, using: str) -> Any:
    """Returns the value that the database holds for a row, which it locks within a transaction; None without a row."""
    is_new = row._state.adding  # noqa: SLF001  Django documents it
    if row.pk is None or (is_new and row._meta.pk.has_default()):
        # Django inserts it without looking for a row of that key.
        return None
    known: Any = row._meta.get_field(field)
    rows = type(row)._base_manager.using(using).filter(pk=row.pk)  # noqa: SLF001  Model.save() uses this manager
    if connections[using].in_atomic_block:
        # The lock that the UPDATE takes a moment later.
        rows = rows.select_for_update(no_key=True)
    return rows.values_list(known.attname, flat=True).first()


def saved_value(row: Model, field: str, using: str) -> Any:
    """Returns the value that a save has written, as the field converts it."""
    known: Any = row._meta.get_field(field)
    value = getattr(row, known.attname)
    if hasattr(value, "resolve_expression"):
        # Computed by the database: F("count") + 1.
        return stored_value(row, field, using)
    return known.to_python(value)


def plain(value: Any) -> Any:
    """Returns a value of JSON as it is; anything else (an amount, a date, a row) as text."""
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def tell_of_new(*args: Any, **kwargs: Any) -> Callable[..., None]:
    """Deprecated: the former name of notify_on_create()."""
    warnings.warn("tell_of_new() is called notify_on_create() now", DeprecationWarning, stacklevel=2)
    return notify_on_create(*args, **kwargs)
