"""Who may read which channel: the rules of the site, and the one function that applies them."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from notifications.models import Subscription
from notifications.subscriptions.subscribing import own_channels

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

Rule = Callable[["AbstractBaseUser", str], bool]

_rules: dict[str, Rule] = {}


def register_rule(prefix: str, rule: Rule) -> None:
    """Declares who may read the channels "<prefix>:…".

    rule: takes a user, who is logged in and active, and the channel's name behind the colon.
    """
    _rules[prefix] = rule


def can_read(user: "AbstractBaseUser | None", channel: str) -> bool:
    """Whether a user may read a channel: an own one, one that a rule allows, or one the user is subscribed to.

    Anonymous and inactive users may read no channel.
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
