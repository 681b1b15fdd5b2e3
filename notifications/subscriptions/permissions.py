"""The permission to read a channel: the site's rules, and the one function that applies them."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from notifications.models import Subscription
from notifications.subscriptions.subscribing import own_channels

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

Rule = Callable[["AbstractBaseUser", str], bool]

_rules: dict[str, Rule] = {}


def register_rule(prefix: str, rule: Rule) -> None:
    """Sets the rule that decides who may read the channels "<prefix>:…".

    rule: takes a user, who is logged in and active, and the channel's name behind the colon; returns whether the user
    may read the channel.
    """
    _rules[prefix] = rule


def can_read(user: "AbstractBaseUser | None", channel: str) -> bool:
    """Whether a user may read a channel.

    A user may read the own channels and those that a rule allows; where no rule has the prefix, those that the user is
    subscribed to and has not muted. Anonymous and inactive users may read none.
    """
    if user is None or not user.is_authenticated or not user.is_active:
        return False
    if channel in own_channels(user):
        return True
    prefix, _colon, name = channel.partition(":")
    rule = _rules.get(prefix)
    if rule is not None:
        return rule(user, name)
    return Subscription.objects.filter(user_id=user.pk, channel=channel, muted=False).exists()
