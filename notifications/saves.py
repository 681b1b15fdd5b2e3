"""The short way from a model to a notification: an event for each new row."""

import warnings
from collections.abc import Callable, Collection
from typing import Any

from django.db.models import Model
from django.db.models.signals import post_save

from notifications import log
from notifications.kinds import Kind, register
from notifications.models import Event


def notify_on_create(
    model: type[Model] | str, kind: Kind, *, to: Callable[[Any], str], fields: Collection[str] = ()
) -> Callable[..., None]:
    """Registers the kind, and appends an event of it for each new row; the link is the row's get_absolute_url().

    model: the class, or "app.Model". to: returns the channel of a row, e.g. "user:7". fields: the fields of the row that
    the kind's texts name. Derive the model from AtomicSaves, so that the row and its event are one transaction.
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
            key=f"{kind.name}:{row.pk}",
        )

    def tell(*rows: Model) -> None:
        log.append_all(event(row) for row in rows)

    def tell_of_row(sender: Any, instance: Model, *, created: bool, raw: bool, **kwargs: Any) -> None:
        if created and not raw:
            tell(instance)

    # Not weak: nothing else refers to the receiver.
    uid = f"notifications.notify_on_create.{kind.name}"
    post_save.connect(tell_of_row, sender=model, weak=False, dispatch_uid=uid)
    return tell


def plain(value: Any) -> Any:
    """Returns a value of JSON as it is; anything else (an amount, a date, a row) as text."""
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def tell_of_new(*args: Any, **kwargs: Any) -> Callable[..., None]:
    """Deprecated: the former name of notify_on_create()."""
    warnings.warn("tell_of_new() is called notify_on_create() now", DeprecationWarning, stacklevel=2)
    return notify_on_create(*args, **kwargs)
