"""The blog: authors, posts, followers. Tells followers through the notifications app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BlogConfig(AppConfig):
    """Connects the receivers."""

    name = "blog"
    verbose_name = _("Blog")

    def ready(self) -> None:
        """Connects signals and says what authors' channels are called."""
        from blog import notifiers, signals
        from notifications import subscriptions

        subscriptions.register_names("author", notifiers.author_names)
        signals.connect()
