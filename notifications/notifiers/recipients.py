"""Recipients: from a notifier's `to` and a row to the channels that get the event."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db.models import ForeignKey, Manager, Model, QuerySet

from notifications import subscriptions
from notifications.notifiers.attributes import follow_path, placeholders, require_path


class _Everybody:
    """Every user: one event for all, however many they are."""

    def __repr__(self) -> str:
        return "EVERYBODY"


class _FollowersOf:
    """The people who follow the row, or an object that it refers to, by subscriptions.follow()."""

    def __init__(self, path: str = "") -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"followers_of({self.path!r})" if self.path else "FOLLOWERS"


EVERYBODY = _Everybody()
FOLLOWERS = _FollowersOf()


def followers_of(path: str) -> Any:
    """The people who follow the object at a path of the row, such as "author" or "thread.forum"."""
    return _FollowersOf(path)


# A channel's template is read for each event.
_names_in = lru_cache(maxsize=256)(placeholders)


def check_recipients(model: type[Model], to: Any, name: str) -> None:
    """Raises ImproperlyConfigured for a `to` that can be no recipient of the model's rows. Declares EVERYBODY's channel."""
    if isinstance(to, _Everybody):
        subscriptions.register_shared(subscriptions.EVERYBODY_CHANNEL)
    elif isinstance(to, _FollowersOf):
        if to.path:
            require_path(model, to.path, f"{name}.to")
    elif isinstance(to, str):
        for path in placeholders(to) if ":" in to else [to]:
            require_path(model, path, f"{name}.to")
    elif isinstance(to, list | tuple):
        for each in to:
            check_recipients(model, each, name)
    elif not callable(to) or isinstance(to, type):
        raise ImproperlyConfigured(
            f"{name}.to is {to!r}: it is a path to users, a channel such as 'author:%(author_id)s', EVERYBODY, FOLLOWERS,"
            " a function of a row, or a list of these."
        )


def channels_of_row(to: Any, row: Model) -> list[str]:
    """Returns the names of the channels that `to` is for this row, each once."""
    return list(dict.fromkeys(_channels(to, row)))


def _channels(to: Any, row: Model) -> Iterator[str]:
    match to:
        case _Everybody():
            yield subscriptions.EVERYBODY_CHANNEL
        case _FollowersOf():
            followed = follow_path(row, to.path) if to.path else row
            if followed is not None:
                yield subscriptions.object_channel(followed)
        case str() if ":" in to:
            yield to % {name: follow_path(row, name) for name in _names_in(to)}
        case str():
            yield from _channels_of_path(to, row)
        case list() | tuple():
            for each in to:
                yield from _channels(each, row)
        case _:
            yield from _channels_of_value(to(row), row)


def _channels_of_path(path: str, row: Model) -> Iterator[str]:
    field = None
    if "." not in path:
        with suppress(FieldDoesNotExist):
            field = row._meta.get_field(path)
    if isinstance(field, ForeignKey) and field.target_field.primary_key:
        # The key is in the row: no query for the person.
        key = getattr(row, field.attname)
        yield from () if key is None else (f"user:{key}",)
    else:
        yield from _channels_of_value(follow_path(row, path), row)


def _channels_of_value(value: Any, row: Model) -> Iterator[str]:
    """Yields the channels of what a path leads to, or a function returns."""
    match value:
        case None | AnonymousUser():
            return
        case AbstractBaseUser():
            yield f"user:{value.pk}"
        case str():
            yield value
        case Manager() | QuerySet():
            keys: Iterable[Any] = value.values_list("pk", flat=True)
            yield from (f"user:{key}" for key in keys)
        case _Everybody() | _FollowersOf():
            yield from _channels(value, row)
        case _ if isinstance(value, Iterable) and not isinstance(value, Model):
            for each in value:
                yield from _channels_of_value(each, row)
        case _:
            raise TypeError(f"{value!r} is neither a user nor a channel, nor several of these")
