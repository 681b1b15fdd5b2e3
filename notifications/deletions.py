"""Deleted rows: their events are retracted, and the admin names the number of people before it deletes."""

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from django.apps import apps
from django.db.models import Exists, Model, OuterRef
from django.db.models.signals import post_delete, pre_delete

from notifications import log
from notifications.models import Event, Subscription

KeysOf = Callable[[Any], Iterable[str]]

# By a model's label in lower case: the functions from a row to the keys of its events.
_keys_of_models: dict[str, list[KeysOf]] = {}
# While delete() runs: the attribute of the row or QuerySet it was called of that has the keys of all its rows.
_COLLECTED = "_keys_to_retract"


def retract_on_delete(model: type[Model] | str, keys: KeysOf) -> None:
    """Retracts the events of each row that is deleted, also if it is deleted with a row that it refers to.

    model: the class, or "app.Model". keys: returns the keys of a row's events. The retraction is in the transaction of the
    deletion. After raw SQL, which sends no signals, call `log.retract()`.
    """
    label = model.lower() if isinstance(model, str) else model._meta.label_lower
    functions = _keys_of_models.setdefault(label, [])
    functions.append(keys)

    def collect(sender: Any, instance: Model, *, origin: Any = None, **kwargs: Any) -> None:
        if hasattr(origin, "__dict__"):
            vars(origin).setdefault(_COLLECTED, []).extend(keys(instance))
        else:
            log.retract(*keys(instance))

    def retract(sender: Any, instance: Model, *, origin: Any = None, **kwargs: Any) -> None:
        # Django sends pre_delete for all rows before the first post_delete: all keys are here.
        if collected := getattr(origin, "__dict__", {}).pop(_COLLECTED, None):
            log.retract(*collected)

    uid = f"notifications.retract_on_delete.{label}.{len(functions)}"
    for each in senders_of(model):
        pre_delete.connect(collect, sender=each, weak=False, dispatch_uid=uid)
        post_delete.connect(retract, sender=each, weak=False, dispatch_uid=uid)


def senders_of(model: type[Model] | str) -> list[type[Model] | str]:
    """Returns the model with its proxies and the models that inherit from it: Django sends signals for the exact class alone."""
    if not apps.models_ready:
        return [model]
    base = apps.get_model(model) if isinstance(model, str) else model
    return [base, *(each for each in apps.get_models() if issubclass(each, base) and each is not base)]


def keys_of(rows: Iterable[Model]) -> Iterator[str]:
    """Yields the keys of the events that a deletion of these rows retracts."""
    for row in rows:
        for model in type(row).__mro__:
            label = getattr(getattr(model, "_meta", None), "label_lower", "")
            for keys in _keys_of_models.get(label, ()):
                yield from keys(row)


def audience(keys: Collection[str]) -> tuple[int, int]:
    """Returns the number of the events with these keys, and of the people who have any of them in their inboxes."""
    events = Event.objects.filter(key__in=keys, retracted_at=None)
    theirs = events.filter(channel=OuterRef("channel"), position__gt=OuterRef("since"))
    channels = list(events.order_by().values_list("channel", flat=True).distinct())
    people = Subscription.objects.filter(Exists(theirs), muted=False, channel__in=channels)
    return events.count(), people.values("user_id").distinct().count()
