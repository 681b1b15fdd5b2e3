"""The moments at which a notifier acts: a row was created, or a field was changed."""

from collections.abc import Callable
from typing import Any, Protocol

from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db.models import Model

from notifications import saves

Act = Callable[[Any], object]


class Moment(Protocol):
    """What a notifier's `when` is made of."""

    def connect(self, model: type[Model], *, notify: Act, withdraw: Act, uid: str) -> None:
        """Has `notify` called with each row whose moment it is, and `withdraw` with each row whose moment has passed.

        uid: the same one replaces what was connected before. Raises ImproperlyConfigured.
        """


class _Created:
    def connect(self, model: type[Model], *, notify: Act, withdraw: Act, uid: str) -> None:
        saves.call_on_create(model, notify, uid=uid)


class _Changed:
    def __init__(self, field: str, to: tuple[Any, ...] | None, *, withdraw: bool) -> None:
        self.field = field
        self.to = to
        self.withdraw = withdraw

    def connect(self, model: type[Model], *, notify: Act, withdraw: Act, uid: str) -> None:
        try:
            model._meta.get_field(self.field)
        except FieldDoesNotExist:
            raise ImproperlyConfigured(f"{uid}: {model.__name__} has no field {self.field!r}.") from None

        def act(row: Model, before: Any) -> None:
            if self.is_one(getattr(row, self.field)):
                if not self.is_one(before) or self.to is None:
                    notify(row)
            elif self.withdraw and self.is_one(before):
                withdraw(row)

        saves.call_on_change(model, self.field, act, uid=uid)

    def is_one(self, value: Any) -> bool:
        """Whether the value is one of those that the field is to have; None, the value before a new row, is none."""
        return value is not None if self.to is None else value in self.to


def changed(field: str, *, to: Any = None, withdraw: bool = False) -> Moment:
    """The moment when a save changes a field, or changes it to a value; a new row counts as changed.

    to: the value, or a tuple or list of several: a change from one of them to another is no moment. None: any value but
    None. withdraw: the events are retracted when a save gives the field a value that is not in `to`.
    QuerySet.update() and raw SQL call no receivers: call notify() yourself after them.
    """
    if withdraw and to is None:
        raise ImproperlyConfigured(f"changed({field!r}, withdraw=True) needs `to`: the values that the events are for.")
    values = None if to is None else tuple(to) if isinstance(to, tuple | list | set | frozenset) else (to,)
    return _Changed(field, values, withdraw=withdraw)


# The moment when a row was inserted by a save.
created: Moment = _Created()
