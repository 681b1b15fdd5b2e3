"""Who hears which channel: subscribe, unsubscribe, mute, and the channels that are a person's own.

Each change is told to the person's open streams through the log, in the same transaction, so that it takes effect in
every process and at its place among the events.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from django.db import transaction

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


# Prefixes of channels that belong to one person by right: "user:9" is heard by user 9, without anybody's doing.
_own_prefixes = ["user"]


# By prefix: what people call the channels with these names behind the colon.
_namers: dict[str, Callable[[Collection[str]], Mapping[str, str]]] = {}


def register_own(prefix: str) -> None:
    """Declares that everyone hears the channel "<prefix>:<own id>"."""
    if prefix not in _own_prefixes:
        _own_prefixes.append(prefix)


def register_names(prefix: str, namer: Callable[[Collection[str]], Mapping[str, str]]) -> None:
    """Declares what the channels "<prefix>:…" are called, in the active language; they can then be muted."""
    _namers[prefix] = namer


def own_channels(user: "AbstractBaseUser") -> set[str]:
    """Returns the channels that are this person's own."""
    return {f"{prefix}:{user.pk}" for prefix in _own_prefixes}


def subscribe(user: "AbstractBaseUser", channel: str) -> bool:
    """Lets a person hear a channel from now on; True if that changed anything."""
    with transaction.atomic():
        since = log.head()
        _row, created = Subscription.objects.get_or_create(
            user_id=user.pk, channel=channel, defaults={"since": since, "read_through": since}
        )
        if created:
            log.append(control_channel(user.pk), "control.subscribed", {"channel": channel, "since": since})
        return created


def unsubscribe(user: "AbstractBaseUser", channel: str) -> bool:
    """Ends a subscription, with what it had unread; True if there was one."""
    with transaction.atomic():
        deleted, _by_model = Subscription.objects.filter(user_id=user.pk, channel=channel).delete()
        if deleted:
            log.append(control_channel(user.pk), "control.unsubscribed", {"channel": channel})
            unread_changed.send(sender=Subscription, user=user)
        return bool(deleted)


def set_muted(user: "AbstractBaseUser", channel: str, *, muted: bool) -> bool:
    """Silences a subscription, or lets it speak again from now on; True if that changed anything."""
    with transaction.atomic():
        since = log.head()
        rows = Subscription.objects.filter(user_id=user.pk, channel=channel, muted=not muted)
        speaking = {"muted": False, "since": since, "read_through": since}
        changed = rows.update(muted=True) if muted else rows.update(**speaking)
        if changed and muted:
            log.append(control_channel(user.pk), "control.unsubscribed", {"channel": channel})
            unread_changed.send(sender=Subscription, user=user)
        elif changed:
            log.append(control_channel(user.pk), "control.subscribed", {"channel": channel, "since": since})
        return bool(changed)


class Source(NamedTuple):
    """A channel that a person hears and may mute."""

    channel: str
    name: str
    muted: bool


def sources(user: "AbstractBaseUser") -> list[Source]:
    """Returns what a person hears and may mute, by name; what has no name (the person's own channel) may not be."""
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
    """Whether a channel is of a kind that people may mute."""
    return channel.partition(":")[0] in _namers


def ensure_own(user: "AbstractBaseUser", known: Collection[str] = ()) -> set[str]:
    """Makes the rows of a person's own channels that are not known to be there; returns the channels it looked after."""
    missing = own_channels(user) - set(known)
    if missing:
        Subscription.objects.bulk_create(
            [Subscription(user_id=user.pk, channel=channel) for channel in sorted(missing)], ignore_conflicts=True
        )
    return missing


def channels_of(user: "AbstractBaseUser") -> dict[str, int]:
    """Returns the channels a person hears, each with the position after which it does."""
    return channels_of_all([user])[user.pk]


def channels_of_all(users: Sequence["AbstractBaseUser"]) -> dict[Any, dict[str, int]]:
    """Returns the channels that people hear, by their primary key: one query.

    The own ones are there from the first look, however the person's row came into the database.
    """
    heard: dict[Any, dict[str, int]] = {user.pk: {} for user in users}
    known: dict[Any, list[str]] = {user.pk: [] for user in users}
    rows = Subscription.objects.filter(user_id__in=list(heard)).values_list("user_id", "channel", "since", "muted")
    for user_id, channel, since, muted in rows:
        known[user_id].append(channel)
        if not muted:
            heard[user_id][channel] = since
    for user in users:
        heard[user.pk] |= dict.fromkeys(ensure_own(user, known=known[user.pk]), 0)
    return heard


def is_heard(event: Positioned, channels: Mapping[str, int]) -> bool:
    """Whether an event of one of these channels, of channels_of(), happened after the person began to hear it."""
    return event.position is not None and event.position > channels.get(event.channel, event.position)


def of(user: "AbstractBaseUser", channel: str) -> Subscription | None:
    """Returns a person's subscription to a channel, muted or not."""
    return Subscription.objects.filter(user_id=user.pk, channel=channel).first()
