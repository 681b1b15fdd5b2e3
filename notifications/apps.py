"""The notifications app: one log, its tail and its streams. It knows nothing of the site that uses it."""

from collections.abc import Sequence
from importlib.util import find_spec

from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _

# Imported by this app; whoever installed it with --no-deps may lack them.
PACKAGES = ("channels", "daphne", "django_eventstream", "ninja")


class NotificationsConfig(AppConfig):
    """Connects the receivers and hands eventstream our listener registry."""

    name = "notifications"
    verbose_name = _("Notifications")

    def import_models(self) -> None:
        """Makes sure first that everything is there: the admin imports much of this app before ready() is called."""
        require(PACKAGES)
        super().import_models()

    def ready(self) -> None:
        """Connects signals, registers kinds, and installs the registry that other people's send_event() reaches."""
        from notifications import checks, inbox, kinds, preferences
        from notifications.inbox import marks
        from notifications.monitoring import heartbeat
        from notifications.stream import hub, tail
        from notifications.subscriptions import accounts

        kinds.register(inbox.READ)
        kinds.register(preferences.CHANGED)

        accounts.connect()
        marks.connect()
        hub.install()
        tail.companions["reports"] = heartbeat.keep
        checks.register_checks()
        # Where the site's apps register their kinds, as the admin's do in `admin`.
        autodiscover_modules("notifiers")


def require(packages: Sequence[str]) -> None:
    """Raises ImproperlyConfigured with what to install, instead of the first import that fails somewhere below."""
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise ImproperlyConfigured(
            f"notifications needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed:"
            " install django-live-notifications with its dependencies."
        )
