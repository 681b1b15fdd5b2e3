"""django-eventstream's question who may read a channel, answered by the rules of `notifications.subscriptions`."""

from typing import TYPE_CHECKING, Any

from django_eventstream.channelmanager import ChannelManagerBase

from notifications import subscriptions
from notifications.moved import face

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser
    from django.http import HttpRequest


class LogChannelManager(ChannelManagerBase):  # type: ignore[misc]
    """Value of EVENTSTREAM_CHANNELMANAGER_CLASS."""

    def get_channels_for_request(self, request: "HttpRequest", view_kwargs: dict[str, Any]) -> set[str]:
        """Returns the channels of ?channel=, else all that the user is subscribed to.

        django-eventstream asks can_read_channel() about each of them before it sends anything.
        """
        asked = set(request.GET.getlist("channel"))
        if asked or not request.user.is_authenticated:
            return asked
        return set(subscriptions.channels_of(request.user))

    def can_read_channel(self, user: "AbstractBaseUser | None", channel: str) -> bool:
        """Whether the user may read the channel."""
        return subscriptions.can_read(user, channel)

    def is_channel_reliable(self, channel: str) -> bool:
        """Always true: every channel is kept in the log."""
        return True


__getattr__ = face(__name__, {"register_rule": "notifications.subscriptions"})
