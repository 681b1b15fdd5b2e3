"""Changes of the inbox: marks events as read or unread, or dismisses them."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from notifications import log
from notifications.inbox.listing import is_unread, items, unread_count
from notifications.kinds import Kind
from notifications.models import Event, Reading, Subscription
from notifications.signals import unread_changed

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

# Events that one call changes at most: bounds the memory and the time of a request.
MOST_CHANGED = 500

READ = Kind("inbox.read", label=_("Inbox changed"), listed=False)


def mark_all_read(user: "AbstractBaseUser", through: int | None = None) -> int:
    """Marks all events up to a position (default: the head) as read, with one UPDATE; returns the position."""
    with transaction.atomic(using=log.database()):
        position = log.head() if through is None else min(through, log.head())
        behind = Subscription.objects.filter(user_id=user.pk, read_through__lt=position)
        if behind.update(read_through=position):
            announce(user, through=position)
    return position


def mark_read(user: "AbstractBaseUser", position: int) -> Event | None:
    """Marks one event as read and returns it; None if it is not in the user's inbox."""
    event = items(user).filter(position=position).first()
    if event is not None:
        change(user, [position], Reading.State.READ)
    return event


def change(user: "AbstractBaseUser", positions: Iterable[int], state: Reading.State) -> list[int]:
    """Marks events as read or unread, or dismisses them; returns the positions of the changed ones.

    Positions that are not in the user's inbox, or have that state already, are ignored: the call is idempotent.
    """
    with transaction.atomic(using=log.database()):
        found = items(user).filter(position__in=list(positions)[:MOST_CHANGED])
        due = [
            event
            for event in found
            if state == Reading.State.DISMISSED or is_unread(event) == (state == Reading.State.READ)
        ]
        since = log.head()
        Reading.objects.bulk_create(
            [Reading(user_id=user.pk, event=event, state=state, since=since) for event in due],
            update_conflicts=True,
            unique_fields=("user", "event"),
            update_fields=("state", "since"),
        )
        changed = [event.position for event in due if event.position is not None]
        if changed:
            announce(user, changed={state: changed})
        return changed


def announce(
    user: "AbstractBaseUser", *, through: int | None = None, changed: Mapping[Reading.State, list[int]] | None = None
) -> None:
    """Sends the changes and the new unread count to the user's open pages, on every device."""
    positions = {state.value: (changed or {}).get(state, []) for state in Reading.State}
    log.append(f"user:{user.pk}", READ.name, {"through": through, **positions, "count": unread_count(user)})


def connect_inbox_receivers() -> None:
    """Connects the receiver; called once, when the app is ready."""
    unread_changed.connect(announce_count, dispatch_uid="notifications.announce_count")


def announce_count(sender: Any, user: "AbstractBaseUser", **kwargs: Any) -> None:
    """Sends the new count to the user's open pages."""
    announce(user)
