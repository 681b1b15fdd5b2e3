"""The blog: authors, posts and followers. It notifies followers through the notifications app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BlogConfig(AppConfig):
    name = "blog"
    verbose_name = _("Blog")

    def ready(self) -> None:
        """Connects signals and registers the display names of authors' channels."""
        from blog import notifiers, signals
        from notifications import subscriptions

        subscriptions.register_names("author", notifiers.author_names)
        signals.connect()
