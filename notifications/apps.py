"""The notifications app: one log, its tail and its streams. It knows nothing of the site that uses it."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class NotificationsConfig(AppConfig):
    """Connects the receivers and hands eventstream our listener registry."""

    name = "notifications"
    verbose_name = _("Notifications")

    def ready(self) -> None:
        """Connects signals and installs the registry that send_event() of other people's code reaches."""
        from notifications import listeners, signals

        signals.connect()
        listeners.install()
