"""Notifiers: a class says which change of which model notifies whom, and in which words.

`notifier` has the class, `moments` the changes (created, changed), `recipients` the people and channels, `attributes` the values
of a row that texts and recipients name.

Invariants:
- A notifier writes its events in the transaction of the save, and an event of a row and a recipient once.
- A mistake in a class is an ImproperlyConfigured when the class is made, not an event that is missing later.

May import: notifications.saves, deletions, subscriptions, log, kinds, models.
"""

from notifications.notifiers.moments import changed, created
from notifications.notifiers.notifier import Notifier
from notifications.notifiers.recipients import EVERYBODY, FOLLOWERS, followers_of

__all__ = ["EVERYBODY", "FOLLOWERS", "Notifier", "changed", "created", "followers_of"]
