"""The short way from a model to a notification: whoever it concerns is told of each new row."""

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
    """Registers the kind, and appends an event of it for each new row; the row's get_absolute_url() is its link.

    model: the class, or "app.Model". to: the channel of a row, e.g. "user:7". fields: what the kind's texts name, taken
    from the row as it is then. Let the model be an AtomicSaves, so that row and event are one transaction.
    Returns the notifier: call it with rows that were made without signals (bulk_create); a row is told once.
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

    # Nobody else holds the receiver.
    uid = f"notifications.notify_on_create.{kind.name}"
    post_save.connect(tell_of_row, sender=model, weak=False, dispatch_uid=uid)
    return tell


def plain(value: Any) -> Any:
    """A value that JSON has; anything else (an amount, a date, a row) in words."""
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def tell_of_new(*args: Any, **kwargs: Any) -> Callable[..., None]:
    """Deprecated: the former name of notify_on_create()."""
    warnings.warn("tell_of_new() is called notify_on_create() now", DeprecationWarning, stacklevel=2)
    return notify_on_create(*args, **kwargs)
