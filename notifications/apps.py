"""The notifications app: one log, its tail and its streams. It knows no domain of the site that uses it."""

from collections.abc import Sequence
from importlib.util import find_spec

from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _

# This app imports them; an installation with --no-deps may lack them.
PACKAGES = ("channels", "daphne", "django_eventstream", "ninja")


class NotificationsConfig(AppConfig):
    name = "notifications"
    verbose_name = _("Notifications")

    def import_models(self) -> None:
        """Requires the packages first: the admin imports much of this app before ready() is called."""
        require(PACKAGES)
        super().import_models()

    def ready(self) -> None:
        """Connects this app to Django, to django-eventstream and to the apps of the site."""
        from notifications import checks, inbox, kinds, log, preferences
        from notifications.concurrency import write_queue
        from notifications.consumers import runner
        from notifications.inbox import marks
        from notifications.mailing import queueing, sending
        from notifications.monitoring import heartbeat
        from notifications.stream import hub, tail
        from notifications.subscriptions import accounts

        # The kinds that this app appends itself: pages listen for registered kinds.
        kinds.register(inbox.READ)
        kinds.register(log.RETRACTED)
        kinds.register(preferences.CHANGED)
        # Log-outs and changed accounts reach open streams, and new users get their own channels.
        accounts.connect_account_receivers()
        # A changed subscription or preference changes the unread count: open pages get the new one.
        marks.connect_inbox_receivers()
        # send_event() of other apps reaches our streams. django-eventstream has no setting for its listener registry.
        hub.install()
        # Each server process reports itself as long as its tail runs. The tail gets the heartbeat from here, because
        # the stream package may not import monitoring.
        tail.companions["reports"] = heartbeat.keep
        # `manage.py deliver` queues and sends the emails of kinds that are mailed at once.
        queueing.register_emails()
        runner.chores[queueing.NAME] = sending.send_due_emails
        # On SQLite, transactions that write wait for each other in a queue.
        write_queue.connect_write_queue()
        # `manage.py check` finds settings under which events would be lost or streams would fail.
        checks.register_checks()
        # The site's apps register their kinds in modules named `notifiers`, as they register admin pages in `admin`.
        autodiscover_modules("notifiers")


def require(packages: Sequence[str]) -> None:
    """Raises ImproperlyConfigured that names the missing packages; without it some import deeper down would fail."""
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise ImproperlyConfigured(
            f"notifications needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed:"
            " install django-live-notifications with its dependencies."
        )
