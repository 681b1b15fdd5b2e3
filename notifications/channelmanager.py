"""django-eventstream's channel manager: it leaves every decision to notifications.subscriptions."""

from typing import TYPE_CHECKING, Any

from django_eventstream.channelmanager import DefaultChannelManager

from notifications import subscriptions
from notifications.moved import face

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser
    from django.http import HttpRequest


class LogChannelManager(DefaultChannelManager):  # type: ignore[misc]
    """Value of EVENTSTREAM_CHANNELMANAGER_CLASS."""

    def get_channels_for_request(self, request: "HttpRequest", view_kwargs: dict[str, Any]) -> set[str]:
        """Returns the channels that the URL names (`channels`, `format-channels`, `channel`, ?channel=), else all that the
        user is subscribed to.

        django-eventstream calls can_read_channel() for each of them before it sends anything.
        """
        requested: set[str] = super().get_channels_for_request(request, view_kwargs)
        if requested or not request.user.is_authenticated:
            return requested
        return set(subscriptions.channels_of(request.user))

    def can_read_channel(self, user: "AbstractBaseUser | None", channel: str) -> bool:
        return subscriptions.can_read(user, channel)

    def is_channel_reliable(self, channel: str) -> bool:
        """Returns True: the log keeps the events of every channel, so a client can always resume."""
        return True


__getattr__ = face(__name__, {"register_rule": "notifications.subscriptions"})
