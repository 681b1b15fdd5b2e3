"""Adds to a site's settings what this app needs; called at the end of settings.py (docs/integrating.md).

Imports no other module of this app, and no Django: settings are read before either can be used.
"""

from collections.abc import MutableMapping
from typing import Any

# In this order. ninja has the files of the API's description, which otherwise come from another site. daphne is added before
# all others, so that `runserver` is Daphne's and serves streams.
APPS = ("django.contrib.humanize", "ninja", "django_eventstream", "notifications")
MIDDLEWARE = "notifications.middleware.cursor_middleware"
CONTEXT_PROCESSOR = "notifications.context_processors.notifications"
SETTINGS = {
    "ASGI_APPLICATION": "notifications.asgi.application",
    "EVENTSTREAM_CHANNELMANAGER_CLASS": "notifications.channelmanager.LogChannelManager",
    "EVENTSTREAM_STORAGE_CLASS": "notifications.storage.LogStorage",
}
# Measured with 6 threads x 25 publishes: SQLite's defaults fail 110 of 150 with "database is locked", WAL alone 74, these
# none.
SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
}


def configure(settings: MutableMapping[str, Any]) -> None:
    """Adds what is missing to a settings module, given as its globals(); changes no value that the module sets.

    `manage.py check` reports values of the module that cannot work.
    """
    apps = list(settings["INSTALLED_APPS"])
    first = [] if "daphne" in apps else ["daphne"]
    settings["INSTALLED_APPS"] = [*first, *apps, *(app for app in APPS if not is_installed(app, apps))]
    if MIDDLEWARE not in settings["MIDDLEWARE"]:
        settings["MIDDLEWARE"] = [*settings["MIDDLEWARE"], MIDDLEWARE]
    for engine in settings["TEMPLATES"]:
        processors = engine.setdefault("OPTIONS", {}).setdefault("context_processors", [])
        if engine["BACKEND"].endswith(".DjangoTemplates") and CONTEXT_PROCESSOR not in processors:
            processors.append(CONTEXT_PROCESSOR)
    for database in settings["DATABASES"].values():
        if database.get("ENGINE", "").endswith("sqlite3"):
            database["OPTIONS"] = {**SQLITE_OPTIONS, **database.get("OPTIONS", {})}
    for name, value in SETTINGS.items():
        settings.setdefault(name, value)


def is_installed(app: str, apps: list[str]) -> bool:
    """Whether an app is listed, by its name or by the path of its configuration."""
    return any(entry == app or entry.startswith(f"{app}.apps.") for entry in apps)
