"""The notifications app: one log, its tail and its streams. It knows nothing of the site that uses it."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class NotificationsConfig(AppConfig):
    """Connects the receivers and hands eventstream our listener registry."""

    name = "notifications"
    verbose_name = _("Notifications")

    def ready(self) -> None:
        """Connects signals, registers kinds, and installs the registry that other people's send_event() reaches."""
        from notifications import checks, inbox, kinds, listeners, preferences, signals

        kinds.register(inbox.READ)
        kinds.register(preferences.CHANGED)

        signals.connect()
        listeners.install()
        checks.connect()
