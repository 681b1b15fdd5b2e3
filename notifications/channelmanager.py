"""Who may read which channel: the one place that says so, for our streams and for eventstream's own view."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django_eventstream.channelmanager import ChannelManagerBase

from notifications import subscriptions
from notifications.models import Subscription

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser
    from django.http import HttpRequest

Rule = Callable[["AbstractBaseUser", str], bool]

# By prefix: may this person read the channel with this name behind the colon?
_rules: dict[str, Rule] = {}


def register_rule(prefix: str, rule: Rule) -> None:
    """Declares who may read the channels "<prefix>:…"; the domain knows, this app asks."""
    _rules[prefix] = rule


class LogChannelManager(ChannelManagerBase):  # type: ignore[misc]
    """Lets people read their own channels, what they subscribed to, and what a rule of the domain allows."""

    def get_channels_for_request(self, request: "HttpRequest", view_kwargs: dict[str, Any]) -> set[str]:
        """Returns the channels asked for by ?channel=, else all that the person hears.

        Asking is not reading: each is put to can_read_channel() before anything is sent.
        """
        asked = set(request.GET.getlist("channel"))
        if asked or not request.user.is_authenticated:
            return asked
        return set(subscriptions.channels_of(request.user))

    def can_read_channel(self, user: "AbstractBaseUser | None", channel: str) -> bool:
        """Whether this person may read the channel; nobody else may, and strangers nothing."""
        if user is None or not user.is_authenticated or not user.is_active:
            return False
        if channel in subscriptions.own_channels(user):
            return True
        prefix, _colon, name = channel.partition(":")
        rule = _rules.get(prefix)
        if rule is not None:
            return rule(user, name)
        return Subscription.objects.filter(user_id=user.pk, channel=channel, muted=False).exists()

    def is_channel_reliable(self, channel: str) -> bool:
        """Every channel is: all of them live in the log."""
        return True
