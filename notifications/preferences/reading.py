"""Reads people's preferences from the database."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import JSONField, Subquery

from notifications.models import Head, Preference
from notifications.preferences.document import Preferences
from notifications.preferences.parsing import from_stored

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser


def of(user: "AbstractBaseUser") -> Preferences:
    """Returns a person's preferences."""
    row = Preference.objects.filter(user_id=user.pk).values_list("choices", "language").first()
    return from_stored(*row or (None,))


def silenced_of_all(users: "Sequence[AbstractBaseUser]") -> dict[Any, frozenset[str]]:
    """Returns the kinds that each of these people has switched off, by primary key: one query."""
    silenced: dict[Any, frozenset[str]] = {user.pk: frozenset() for user in users}
    for user_id, stored in Preference.objects.filter(user_id__in=list(silenced)).values_list("user_id", "choices"):
        silenced[user_id] = from_stored(stored).silenced
    return silenced


class Look(NamedTuple):
    """What a page starts from: the log's position before anything else is read, its epoch, and the reader's preferences."""

    cursor: int
    preferences: Preferences
    epoch: str


def look(user: "AbstractBaseUser") -> Look:
    """Reads the log's position and a person's preferences with one query."""
    theirs = Preference.objects.filter(user_id=user.pk)
    stored = Subquery(theirs.values("choices"), output_field=JSONField())
    columns = ("position", "epoch", stored, Subquery(theirs.values("language")))
    row = Head.objects.filter(pk=Head.ID).values_list(*columns).first()
    return Look(row[0], from_stored(row[2], row[3]), row[1]) if row else Look(0, of(user), "")
