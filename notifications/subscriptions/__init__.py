"""Subscriptions: the channels that a person reads, and the permission to read a channel.

`subscribing` holds the rows (subscribe, unsubscribe, mute), `following` names the channels of objects, `permissions` the rules of the site, and `accounts` the
receivers that carry log-outs and changed accounts to open streams.

Invariants:
- Every change is appended to the log in the transaction that makes it, so that it reaches the open streams of every
  process at its place among the events.
- `can_read()` alone decides whether a user may read a channel.

May import: notifications.log, models, kinds, signals, conf.
"""

from notifications.subscriptions.following import follow, object_channel, unfollow
from notifications.subscriptions.permissions import can_read, register_rule
from notifications.subscriptions.subscribing import (
    EVERYBODY_CHANNEL,
    Source,
    channels_of,
    channels_of_all,
    ensure_own,
    find,
    is_heard,
    may_mute,
    own_channels,
    register_names,
    register_own,
    register_shared,
    set_muted,
    sources,
    subscribe,
    unsubscribe,
)

__all__ = [
    "EVERYBODY_CHANNEL",
    "Source",
    "can_read",
    "channels_of",
    "channels_of_all",
    "ensure_own",
    "find",
    "follow",
    "is_heard",
    "may_mute",
    "object_channel",
    "own_channels",
    "register_names",
    "register_own",
    "register_rule",
    "register_shared",
    "set_muted",
    "sources",
    "subscribe",
    "unfollow",
    "unsubscribe",
]
