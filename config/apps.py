"""The site as an app: it combines the other apps, and has the commands that need several of them."""

from django.apps import AppConfig


class SiteConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        from config import checks  # noqa: F401  registers by its decorators
