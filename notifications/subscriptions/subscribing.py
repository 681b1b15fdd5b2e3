"""The rows that say which channels a person reads: subscribe, unsubscribe, mute, and the person's own channels.

Each change is appended to the log, on the person's control channel and in the same transaction, so that it takes effect
in the open streams of every process and at its place among the events.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Exists, OuterRef

from notifications import log
from notifications.log.control import control_channel
from notifications.models import Subscription
from notifications.signals import unread_changed

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser


class Positioned(Protocol):
    """An event, or an entry of a stream."""

    @property
    def channel(self) -> str: ...
    @property
    def position(self) -> int | None: ...


# Prefixes of the channels that belong to one person: user 9 reads "user:9" without having subscribed.
_own_prefixes = ["user"]

# The channel of every user, where something of the site notifies everybody.
EVERYBODY_CHANNEL = "everybody:all"
# Rows that are made at a time.
MOST_ROWS = 5000
# Channels that each person reads without having subscribed.
_shared: set[str] = set()

# By prefix: a function from the names behind the colon to the channels' titles.
_namers: dict[str, Callable[[Collection[str]], Mapping[str, str]]] = {}


def register_own(prefix: str) -> None:
    """Declares that each person reads the channel "<prefix>:<own id>"."""
    if prefix not in _own_prefixes:
        _own_prefixes.append(prefix)


def register_shared(channel: str) -> None:
    """Declares that every user reads this channel: one event in it is for all, now and as long as the log keeps it.

    A person's subscription to it is made with the account, from then on, or at the next log-in or first look of a person who
    was there before.
    """
    _shared.add(channel)


def register_names(prefix: str, namer: Callable[[Collection[str]], Mapping[str, str]]) -> None:
    """Lets people mute the channels "<prefix>:…".

    namer: maps names behind the colon to titles in the active language. A channel that it leaves out cannot be muted.
    """
    _namers[prefix] = namer


def own_channels(user: "AbstractBaseUser") -> set[str]:
    """Returns the names of the person's own channels."""
    return {f"{prefix}:{user.pk}" for prefix in _own_prefixes} | _shared


def subscribe(user: "AbstractBaseUser", channel: str) -> bool:
    """Subscribes a person to a channel, from the log's present head on; True if the person was not subscribed."""
    with transaction.atomic(using=log.database()):
        since = log.head()
        _row, created = Subscription.objects.get_or_create(
            user_id=user.pk, channel=channel, defaults={"since": since, "read_through": since}
        )
        if created:
            log.append(control_channel(user.pk), "control.subscribed", {"channel": channel, "since": since})
        return created


def unsubscribe(user: "AbstractBaseUser", channel: str) -> bool:
    """Ends a subscription; its unread events leave the inbox. True if there was one."""
    with transaction.atomic(using=log.database()):
        deleted, _by_model = Subscription.objects.filter(user_id=user.pk, channel=channel).delete()
        if deleted:
            log.append(control_channel(user.pk), "control.unsubscribed", {"channel": channel})
            unread_changed.send(sender=Subscription, user=user)
        return bool(deleted)


def set_muted(user: "AbstractBaseUser", channel: str, *, muted: bool) -> bool:
    """Mutes a subscription, or unmutes it from the log's present head on; True if that changed it."""
    with transaction.atomic(using=log.database()):
        since = log.head()
        rows = Subscription.objects.filter(user_id=user.pk, channel=channel, muted=not muted)
        unmuted = {"muted": False, "since": since, "read_through": since}
        changed = rows.update(muted=True) if muted else rows.update(**unmuted)
        if changed and muted:
            log.append(control_channel(user.pk), "control.unsubscribed", {"channel": channel})
            unread_changed.send(sender=Subscription, user=user)
        elif changed:
            log.append(control_channel(user.pk), "control.subscribed", {"channel": channel, "since": since})
        return bool(changed)


class Source(NamedTuple):
    """A channel that a person is subscribed to and may mute."""

    channel: str
    name: str
    muted: bool


def sources(user: "AbstractBaseUser") -> list[Source]:
    """Returns the subscribed channels that a person may mute, sorted by title; "user:<id>" has none and is left out."""
    muted = dict(Subscription.objects.filter(user_id=user.pk).values_list("channel", "muted"))
    found = []
    for prefix, namer in _namers.items():
        ids = [channel.removeprefix(f"{prefix}:") for channel in muted if channel.startswith(f"{prefix}:")]
        found += [
            Source(f"{prefix}:{key}", name, muted[f"{prefix}:{key}"])
            for key, name in (namer(ids) if ids else {}).items()
        ]
    return sorted(found, key=lambda source: source.name)


def may_mute(channel: str) -> bool:
    """Whether the channel's prefix is one that people may mute."""
    return channel.partition(":")[0] in _namers


def ensure_own(user: "AbstractBaseUser", known: Collection[str] = (), *, is_new: bool = False) -> set[str]:
    """Makes the missing subscriptions to a person's own channels. known: the channels that have one already.

    is_new: the account was made just now, so what went to everybody before is not for this person. Returns the own channels that are not in `known`; now each has a row.
    """
    missing = own_channels(user) - set(known)
    if missing:
        since = log.head() if is_new and _shared else 0
        Subscription.objects.bulk_create(
            [
                Subscription(user_id=user.pk, channel=channel, since=since, read_through=since)
                for channel in sorted(missing)
            ],
            ignore_conflicts=True,
        )
    return missing


def ensure_shared() -> int:
    """Makes the missing subscriptions of all people to the channels that everybody reads; returns their number."""
    made = 0
    for channel in sorted(_shared):
        theirs = Subscription.objects.filter(user_id=OuterRef("pk"), channel=channel)
        # The manager that Django's own code uses for users.
        people = get_user_model()._default_manager.filter(~Exists(theirs))  # noqa: SLF001  Django documents it
        keys = people.order_by().values_list("pk", flat=True).iterator(chunk_size=MOST_ROWS)
        while rows := [Subscription(user_id=key, channel=channel) for key in islice(keys, MOST_ROWS)]:
            Subscription.objects.bulk_create(rows, ignore_conflicts=True)
            made += len(rows)
    return made


def channels_of(user: "AbstractBaseUser") -> dict[str, int]:
    """Returns the channels that a person reads, each with the position after which its events count."""
    return channels_of_all([user])[user.pk]


def channels_of_all(users: Sequence["AbstractBaseUser"]) -> dict[Any, dict[str, int]]:
    """Returns channels_of() for each of these people, by primary key: one query.

    It makes the subscriptions to own channels that are missing, because a bulk import saves users without a signal.
    """
    channels: dict[Any, dict[str, int]] = {user.pk: {} for user in users}
    known: dict[Any, list[str]] = {user.pk: [] for user in users}
    rows = Subscription.objects.filter(user_id__in=list(channels)).values_list("user_id", "channel", "since", "muted")
    for user_id, channel, since, muted in rows:
        known[user_id].append(channel)
        if not muted:
            channels[user_id][channel] = since
    for user in users:
        channels[user.pk] |= dict.fromkeys(ensure_own(user, known=known[user.pk]), 0)
    return channels


def is_heard(event: Positioned, channels: Mapping[str, int]) -> bool:
    """Whether the event is in one of these channels of channels_of(), and after the position from which it counts."""
    return event.position is not None and event.position > channels.get(event.channel, event.position)


def find(user: "AbstractBaseUser", channel: str) -> Subscription | None:
    """Returns a person's subscription to a channel, muted or not."""
    return Subscription.objects.filter(user_id=user.pk, channel=channel).first()
