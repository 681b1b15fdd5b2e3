"""Requests and streams: settings with which streams are not served, are not private, or lose events."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004  Django's own name
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string

from notifications.api import NAMESPACE
from notifications.channelmanager import LogChannelManager
from notifications.storage import LogStorage
from notifications.stream.request import allowed_origins
from notifications.tokens.authenticators import unusable_authenticators


def check_requests(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Reports settings with which streams cannot be reached or read."""
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
                "WSGI_APPLICATION is set: a WSGI server serves every page, but no stream.",
                hint="Remove it, so that no WSGI server is started by mistake.",
                id="notifications.W005",
            )
        )
    if "notifications.middleware.cursor_middleware" not in settings.MIDDLEWARE:
        found.append(
            Error(
                "The middleware of notifications is missing: pages and the API have no cursor and no preferences.",
                hint='Add "notifications.middleware.cursor_middleware" to MIDDLEWARE, after AuthenticationMiddleware.',
                id="notifications.E012",
            )
        )
    if "django.middleware.gzip.GZipMiddleware" in settings.MIDDLEWARE:
        found.append(
            Warning(
                "GZipMiddleware makes a stream that passes through Django unreadable after its first event.",
                hint="The streams of notifications bypass it; django-eventstream's own view does not. Compress in a proxy.",
                id="notifications.W006",
            )
        )
    return found


def check_eventstream(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Reports settings with which django-eventstream's view and send_event() bypass the log or the permissions."""
    found: list[CheckMessage] = []
    wanted: tuple[tuple[str, type[Any], str, str], ...] = (
        ("EVENTSTREAM_CHANNELMANAGER_CLASS", LogChannelManager, "anyone can read any channel", "E007"),
        ("EVENTSTREAM_STORAGE_CLASS", LogStorage, "send_event() bypasses the log", "E008"),
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
    if hasattr(settings, "EVENTSTREAM_REDIS"):
        found.append(
            Warning(
                "EVENTSTREAM_REDIS makes send_event() publish each event a second time, for nobody: streams read the log.",
                hint="Remove it. Processes wake each other by themselves; with Redis, set CHANNEL_LAYERS.",
                id="notifications.W017",
            )
        )
    if "*" in allowed_origins():
        found.append(
            Warning(
                'EVENTSTREAM_ALLOW_ORIGIN is "*": streams are read with cookies, and browsers take no "*" there.',
                hint="List the origins in EVENTSTREAM_ALLOW_ORIGINS; all other origins are refused.",
                id="notifications.W018",
            )
        )
    return found


def check_sessions(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Reports sessions that each process keeps for itself."""
    engine = settings.SESSION_ENGINE.removeprefix("django.contrib.sessions.backends.")
    cache = settings.CACHES.get(settings.SESSION_CACHE_ALIAS, {}).get("BACKEND", "")
    if engine not in ("cache", "cached_db") or cache != "django.core.cache.backends.locmem.LocMemCache":
        return []
    return [
        Warning(
            "Sessions are in LocMemCache, the memory of one process: others do not know them, or that they have ended.",
            hint="Keep sessions in the database, or in a cache that all processes share, such as Redis.",
            id="notifications.W019",
        )
    ]


def check_authenticators(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Reports authenticators that cannot be used."""
    return [
        Error(
            f"NOTIFICATIONS_AUTHENTICATORS names {path}: {reason}.",
            hint="Name functions that take the value of the header Authorization, and return a user or None.",
            id="notifications.E020",
        )
        for path, reason in unusable_authenticators()
    ]


def check_addresses(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Reports addresses of this app that are not in the site's urlpatterns."""
    missing = []
    for name in ("notifications:stream", f"{NAMESPACE}:api-root"):
        try:
            reverse(name)
        except NoReverseMatch:
            missing.append(name)
    if not missing:
        return []
    return [
        Error(
            f"{' and '.join(missing)} are not in the urlpatterns: pages find neither their stream nor their inbox.",
            hint='Add path("", include("notifications.all_urls")) to the urlpatterns of ROOT_URLCONF.',
            id="notifications.E011",
        )
    ]
