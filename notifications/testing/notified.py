"""What tests ask: what was notified to whom, and what does a person's stream say? See pytest_plugin.py."""

import logging
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

# What the app tells a person's own pages: nobody is notified by it.
OWN = (inbox.READ.name, preferences.CHANGED.name)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Notification:
    """One event, as its readers get it, in the active language. recipients: the user names of those who do."""

    channel: str
    kind: str
    data: Any
    title: str
    body: str
    url: str
    recipients: frozenset[str]


class Notified:
    """Everything notified since it was made, or since the last clear()."""

    def __init__(self) -> None:
        """Begins after what is in the log already."""
        self._depths = {connection.alias: depth(connection) for connection in connections.all()}
        self.clear()

    def __call__(self) -> list[Notification]:
        """Runs the commit callbacks that wait, and returns what was notified, in order."""
        for connection in connections.all():
            self._commit(connection)
        log.sequence()
        events = (
            Event.objects.filter(pk__gt=self._after).exclude(kind__in=OWN).exclude(channel__startswith=CONTROL_CHANNELS)
        )
        return [notification(event) for event in events.order_by("position")]

    def clear(self) -> None:
        """Forgets what was notified so far."""
        self._after = Event.objects.order_by("-pk").values_list("pk", flat=True).first() or 0

    def _commit(self, connection: BaseDatabaseWrapper) -> None:
        """Does what the commit of the test's own transaction would; in a test without one there is nothing to do."""
        if depth(connection) > self._depths.get(connection.alias, 0):
            raise AssertionError("notified() is called within a transaction: nothing is notified before its commit")
        if not connection.in_atomic_block:
            return
        while connection.run_on_commit:
            # The stubs do not know the third part.
            entry: Any = connection.run_on_commit.pop(0)
            _savepoints, callback, robust = entry
            try:
                callback()
            except Exception:
                if not robust:
                    raise
                logger.exception("a commit callback failed")


def depth(connection: BaseDatabaseWrapper) -> int:
    """How many transactions and savepoints are open."""
    return len(connection.savepoint_ids) + connection.in_atomic_block


def notification(event: Event) -> Notification:
    """The event as its readers get it."""
    people = get_user_model()._default_manager.filter(is_active=True)  # noqa: SLF001  Django documents it
    names = frozenset(person.get_username() for person in people if hears(person, event))
    return Notification(event.channel, event.kind, event.data, event.title, event.body, event.url, names)


def hears(person: "AbstractBaseUser", event: Event) -> bool:
    """Whether it reaches a person: by a subscription, or because a rule lets the person read the channel."""
    channels = subscriptions.channels_of(person)
    if event.channel in channels:
        return subscriptions.is_heard(event, channels) and event.kind not in preferences.of(person).silenced
    muted = event.channel in subscriptions.own_channels(person)
    return not muted and subscriptions.can_read(person, event.channel)
