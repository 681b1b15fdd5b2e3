"""The site itself as an app: it puts the others together, and carries the commands that need several of them."""

from django.apps import AppConfig


class SiteConfig(AppConfig):
    """The site."""

    name = "config"

    def ready(self) -> None:
        """Registers the site's checks."""
        from config import checks  # noqa: F401  registers by its decorators
