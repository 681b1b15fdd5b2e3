"""System checks: what would make streams lose, leak or stall is said by `manage.py check` instead of at three in the morning."""

import os
from collections.abc import Sequence
from types import NoneType
from typing import Any

from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004  Django's own name
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string

from notifications.channelmanager import LogChannelManager
from notifications.storage import LogStorage


def register_checks() -> None:
    """Registers the checks; called once, when the app is ready."""
    for check in (check_databases, check_requests, check_eventstream, check_addresses, check_processes):
        register(check)


def check_databases(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Database settings under which transactions or connections do not behave as the log needs them to."""
    found: list[CheckMessage] = []
    for alias, database in settings.DATABASES.items():
        name = f"DATABASES[{alias!r}]"
        if database.get("ATOMIC_REQUESTS"):
            found.append(
                Error(
                    f"{name}: ATOMIC_REQUESTS breaks async views and holds events back to the end of a request.",
                    hint="Use transaction.atomic() where something must be one transaction.",
                    id="notifications.E001",
                )
            )
        if database.get("CONN_MAX_AGE", 0) != 0:
            found.append(
                Error(
                    f"{name}: under ASGI a kept connection is left behind in a thread that may never run again.",
                    hint='Set CONN_MAX_AGE to 0; on PostgreSQL, OPTIONS["pool"] keeps connections safely.',
                    id="notifications.E002",
                )
            )
        mode = str(database.get("OPTIONS", {}).get("transaction_mode", "")).upper()
        if database.get("ENGINE", "").endswith("sqlite3") and mode != "IMMEDIATE":
            found.append(
                Error(
                    f'{name}: SQLite without IMMEDIATE transactions fails writers with "database is locked".',
                    hint='Set OPTIONS["transaction_mode"] = "IMMEDIATE", and WAL in OPTIONS["init_command"].',
                    id="notifications.E003",
                )
            )
    return found


def check_requests(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Settings under which streams are not reached, or not readable."""
    found: list[CheckMessage] = []
    if not getattr(settings, "ASGI_APPLICATION", None):
        found.append(
            Error(
                "There is no ASGI_APPLICATION: under WSGI there are no streams.",
                hint='Set ASGI_APPLICATION = "notifications.asgi.application", or one of your own made by'
                " notifications.routing.with_streams(), and run `manage.py serve`.",
                id="notifications.E004",
            )
        )
    elif getattr(settings, "WSGI_APPLICATION", None):
        found.append(
            Warning(
                "WSGI_APPLICATION is set: a server that takes it serves every page, and no stream.",
                hint="Remove it, so that nobody starts a WSGI server by mistake.",
                id="notifications.W005",
            )
        )
    if "notifications.middleware.cursor_middleware" not in settings.MIDDLEWARE:
        found.append(
            Error(
                "The middleware of notifications is not there: pages and API do not know where their reader is.",
                hint='Add "notifications.middleware.cursor_middleware" to MIDDLEWARE, after the authentication\'s.',
                id="notifications.E012",
            )
        )
    if "django.middleware.gzip.GZipMiddleware" in settings.MIDDLEWARE:
        found.append(
            Warning(
                "GZipMiddleware makes a stream that goes through Django unreadable after its first event.",
                hint="Streams of notifications.stream bypass it; eventstream's own view does not. Let a proxy compress.",
                id="notifications.W006",
            )
        )
    return found


def check_eventstream(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Settings under which eventstream's own view and send_event() would not use the log, or let anyone read anything."""
    found: list[CheckMessage] = []
    wanted: tuple[tuple[str, type[Any], str, str], ...] = (
        ("EVENTSTREAM_CHANNELMANAGER_CLASS", LogChannelManager, "anyone reads any channel", "E007"),
        ("EVENTSTREAM_STORAGE_CLASS", LogStorage, "send_event() passes the log by", "E008"),
    )
    for setting, base, risk, number in wanted:
        path = f"{base.__module__}.{base.__name__}"
        named: str | None = getattr(settings, setting, None)
        try:
            fits = named is not None and issubclass(import_string(named), base)
        except (ImportError, TypeError):
            fits = False
        if not fits:
            found.append(
                Error(
                    f"{setting} is not {path} or a subclass: {risk}.",
                    hint=f'Set {setting} = "{path}".',
                    id=f"notifications.{number}",
                )
            )
    return found


def check_addresses(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Addresses that pages and clients of this app ask for."""
    missing = []
    for name in ("notifications:stream", "api:api-root"):
        try:
            reverse(name)
        except NoReverseMatch:
            missing.append(name)
    if not missing:
        return []
    return [
        Error(
            f"{' and '.join(missing)} lead nowhere: pages find neither their stream nor their inbox.",
            hint='Add path("", include("notifications.all_urls")) to the urlpatterns of ROOT_URLCONF.',
            id="notifications.E011",
        )
    ]


def check_processes(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Settings under which processes do not wake each other."""
    local = isinstance(get_channel_layer(), InMemoryChannelLayer | NoneType)
    if local and bool(getattr(settings, "REDIS_URL", None)):
        return [
            Error(
                "REDIS_URL is set, but the channel layer does not use it: processes do not wake each other.",
                hint='Set CHANNEL_LAYERS to "channels_redis.pubsub.RedisPubSubChannelLayer".',
                id="notifications.E009",
            )
        ]
    if local and workers() > 1:
        return [
            Warning(
                "Several processes, and a channel layer that ends with each of them: they find events by polling only.",
                hint="Set REDIS_URL.",
                id="notifications.W010",
            )
        ]
    return []


def workers() -> int:
    """How many processes the operator says there are, by the variable that most hosts set."""
    value = os.environ.get("WEB_CONCURRENCY", "1")
    return int(value) if value.isdecimal() else 1
