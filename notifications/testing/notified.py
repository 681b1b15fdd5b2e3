"""What was notified to whom: behind the fixture `notified` (pytest_plugin.py)."""

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from notifications import inbox, log, preferences, subscriptions
from notifications.log.control import CONTROL_CHANNELS
from notifications.models import Event

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser

# Kinds for the user's own open pages: they carry state, and are no notifications.
OWN_STATE = (inbox.READ.name, preferences.CHANGED.name, log.RETRACTED.name)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Notification:
    """One event, as its recipients get it, in the active language. recipients: their user names."""

    channel: str
    kind: str
    data: Any
    title: str
    body: str
    url: str
    recipients: frozenset[str]


class Notified:
    """Everything notified since this object was made, or since the last clear()."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._depths = {connection.alias: depth(connection) for connection in connections.all()}
        self.clear()

    def __call__(self) -> list[Notification]:
        """Runs the waiting commit callbacks, and returns the notifications in the order of the log.

        Raises AssertionError within a transaction of the test's own, and in a thread that does not see the test's transaction.
        """
        if any(self._depths.values()) and threading.get_ident() != self._thread:
            raise AssertionError(
                "notified() is called in another thread than the test's transaction, as in an async test:"
                " mark the test with django_db(transaction=True)"
            )
        for connection in connections.all():
            self._commit(connection)
        log.sequence()
        events = (
            Event.objects.filter(pk__gt=self._after, retracted_at=None)
            .exclude(kind__in=OWN_STATE)
            .exclude(channel__startswith=CONTROL_CHANNELS)
        )
        return [notification(event) for event in events.order_by("position")]

    def assert_told_only(self, *people: "AbstractBaseUser | str") -> None:
        """Asserts that each of these people got a notification, and nobody else any. people: users, or user names."""
        names = {person if isinstance(person, str) else person.get_username() for person in people}
        told = self()
        reached = frozenset().union(*(each.recipients for each in told))
        lines = [f"  {each.title!r} ({each.kind}) to {', '.join(sorted(each.recipients)) or 'nobody'}" for each in told]
        problems = [f"not told: {name}" for name in sorted(names - reached)]
        problems += [f"told as well: {name}" for name in sorted(reached - names)]
        if problems:
            raise AssertionError("\n".join(["; ".join(problems), *(lines or ["  nothing was notified"])]))

    def assert_told_nobody(self) -> None:
        """Asserts that nobody got a notification."""
        self.assert_told_only()

    def clear(self) -> None:
        """Leaves out, from now on, everything notified so far."""
        self._after = Event.objects.order_by("-pk").values_list("pk", flat=True).first() or 0

    def _commit(self, connection: BaseDatabaseWrapper) -> None:
        """Runs the callbacks that a commit of the test's transaction would run; a test without one has none."""
        if depth(connection) > self._depths.get(connection.alias, 0):
            raise AssertionError("notified() is called within a transaction: nothing is notified before its commit")
        if not connection.in_atomic_block:
            return
        while connection.run_on_commit:
            # The type stubs lack the third part.
            entry: Any = connection.run_on_commit.pop(0)
            _savepoints, callback, robust = entry
            try:
                callback()
            except Exception:
                if not robust:
                    raise
                logger.exception("a commit callback failed")


def depth(connection: BaseDatabaseWrapper) -> int:
    """Returns how many transactions and savepoints are open."""
    return len(connection.savepoint_ids) + connection.in_atomic_block


def notification(event: Event) -> Notification:
    people = get_user_model()._default_manager.filter(is_active=True)  # noqa: SLF001  Django documents it
    names = frozenset(person.get_username() for person in people if receives(person, event))
    return Notification(event.channel, event.kind, event.data, event.title, event.body, event.url, names)


def receives(person: "AbstractBaseUser", event: Event) -> bool:
    """Whether a user receives an event: by a subscription, or because a rule permits the user to read the channel."""
    channels = subscriptions.channels_of(person)
    if event.channel in channels:
        return subscriptions.is_heard(event, channels) and event.kind not in preferences.of(person).silenced
    muted = event.channel in subscriptions.own_channels(person)
    return not muted and subscriptions.can_read(person, event.channel)
