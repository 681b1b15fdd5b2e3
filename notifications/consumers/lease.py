"""The lease of a consumer: the right of one process to run it and to move its cursor, until a time of the database's clock.

It is taken, renewed and used by conditional updates alone. A process that was killed does not renew its lease, so another one
takes it once it has expired. One that was only stopped for as long finds that its updates change nothing, and drops its work.
"""

import time
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from notifications.consumers.batch import Interrupted
from notifications.consumers.registry import Consumer
from notifications.log import Bounds, database
from notifications.models import ConsumerCursor

# Seconds for which a lease is held after it was last renewed: the longest pause after the process that holds it was killed.
LEASE_SECONDS = 10.0
RENEW_SECONDS = LEASE_SECONDS / 4
# Seconds between two attempts to take the lease of another process.
TAKE_SECONDS = 1.0


class LeaseLost(Interrupted):
    """Another process has taken the lease: what was begun here is handled again there."""


class Lease:
    """The lease of one consumer for one process. Every method is a statement of its own, and can run in any thread."""

    def __init__(self, consumer: Consumer, holder: str) -> None:
        """holder: a name that no other process has."""
        self.consumer, self.holder = consumer, holder
        # Of the monotonic clock: when this process last renewed the lease, and last found it taken.
        self._renewed_at = self._refused_at = -LEASE_SECONDS

    def take(self, bounds: Bounds) -> ConsumerCursor | None:
        """Returns the cursor if this process has the lease, or can take it; else None. Makes the cursor where there is none.

        Writes only where the lease has to be taken or renewed: an idle consumer costs a look at its row.
        """
        rows, now = self._rows(), time.monotonic()
        cursor = rows.first()
        if cursor is None:
            position = bounds.head if self.consumer.start == "head" else 0
            defaults = {"position": position, "begun": position, "epoch": bounds.epoch}
            cursor, _created = rows.get_or_create(name=self.consumer.name, defaults=defaults)
        if cursor.holder == self.holder and now - self._renewed_at < RENEW_SECONDS:
            return cursor
        if cursor.holder not in ("", self.holder) and now - self._refused_at < TAKE_SECONDS:
            return None
        free = Q(holder__in=("", self.holder)) | Q(held_until__lt=Now())
        if not rows.filter(free).update(holder=self.holder, held_until=held_until()):
            self._refused_at = now
            return None
        self._renewed_at = now
        # Read again: the process that had the lease may have moved the cursor.
        return self._mine().first()

    def renew(self) -> bool:
        """Renews the lease if this process has it; False if it does not, or does not any more."""
        now = time.monotonic()
        is_renewed = bool(self._mine().update(held_until=held_until()))
        if is_renewed:
            self._renewed_at = now
        return is_renewed

    def release(self) -> None:
        """Gives the lease back, so that another process can take it at once."""
        self._mine().update(holder="", held_until=None)

    def store(self, cursor: ConsumerCursor, **fields: Any) -> None:
        """Changes fields of the cursor, and renews the lease. Raises LeaseLost if another process has it."""
        same = {"position": cursor.position, "epoch": cursor.epoch}
        # Nested in a transaction of the function's own, it is undone with that.
        with transaction.atomic(using=database(), savepoint=False):
            if not self._mine().filter(**same).update(held_until=held_until(), **fields):
                raise LeaseLost(self.consumer.name)
        for name, value in fields.items():
            setattr(cursor, name, value)

    def _rows(self) -> QuerySet[ConsumerCursor]:
        return ConsumerCursor.objects.using(database()).filter(name=self.consumer.name)

    def _mine(self) -> QuerySet[ConsumerCursor]:
        return self._rows().filter(holder=self.holder)


def held_until() -> Any:
    """The end of a lease that begins now. The database's clock is one for all machines."""
    return Now() + timedelta(seconds=LEASE_SECONDS)
