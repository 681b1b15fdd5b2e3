"""System checks: `manage.py check` reports settings with which streams would lose events, leak or stall."""

import os
from collections.abc import Sequence
from types import NoneType
from typing import Any

from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004  Django's own name
from django.db import router
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string

from notifications import log
from notifications.api import NAMESPACE
from notifications.channelmanager import LogChannelManager
from notifications.log import wakeups
from notifications.log.control import control_channel
from notifications.models import AtomicSaves, Event
from notifications.notifiers.notifier import connected_notifiers
from notifications.storage import LogStorage
from notifications.stream import remote_wakeups
from notifications.stream.request import allowed_origins

# Of the backends that come with Django; MariaDB has that of MySQL.
UNSUPPORTED = (".mysql", ".oracle")


def register_checks() -> None:
    """Registers the checks with Django; called once, when the app is ready."""
    register(check_databases)
    register(check_requests)
    register(check_eventstream)
    register(check_sessions)
    register(check_addresses)
    register(check_processes)
    register(check_router)
    register(check_notifiers)
    # `manage.py check --database default`, and `migrate`.
    register(check_wakeups, Tags.database)


def check_databases(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Reports database settings that the log cannot work with: of transactions and of kept connections."""
    found: list[CheckMessage] = []
    for alias, database in settings.DATABASES.items():
        name = f"DATABASES[{alias!r}]"
        if database.get("ATOMIC_REQUESTS"):
            found.append(
                Error(
                    f"{name}: ATOMIC_REQUESTS breaks async views, and delays events until the end of the request.",
                    hint="Use transaction.atomic() where several writes must be one transaction.",
                    id="notifications.E001",
                )
            )
        if database.get("CONN_MAX_AGE", 0) != 0:
            found.append(
                Error(
                    f"{name}: under ASGI, a kept connection stays open in a thread that may never run again.",
                    hint='Set CONN_MAX_AGE to 0; on PostgreSQL, OPTIONS["pool"] keeps connections safely.',
                    id="notifications.E002",
                )
            )
        engine = database.get("ENGINE", "")
        if alias == log.database() and engine.endswith(UNSUPPORTED):
            found.append(
                Error(
                    f"{name}: the log runs on SQLite and PostgreSQL, not on {engine.rpartition('.')[2]}.",
                    hint="Give the app notifications a database of these with a router, or the whole site.",
                    id="notifications.E017",
                )
            )
        mode = str(database.get("OPTIONS", {}).get("transaction_mode", "")).upper()
        if engine.endswith("sqlite3") and mode != "IMMEDIATE":
            found.append(
                Error(
                    f'{name}: on SQLite without IMMEDIATE transactions, writes fail with "database is locked".',
                    hint='Set OPTIONS["transaction_mode"] = "IMMEDIATE", and WAL in OPTIONS["init_command"].',
                    id="notifications.E003",
                )
            )
    return found


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


def check_router(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Reports a database router that separates what must be one transaction, or one statement."""
    found: list[CheckMessage] = []
    home = log.database()
    for model in (*apps.get_app_config("notifications").get_models(), get_user_model()):
        aliases = {router.db_for_read(model), router.db_for_write(model)}
        if aliases != {home}:
            found.append(
                Error(
                    f"The database router puts {model._meta.label} on {' and '.join(sorted(aliases))}, and the log on {home}.",
                    hint="Keep the app notifications and the user model on one database, for reads too: statements join them.",
                    id="notifications.E013",
                )
            )
    found += [
        Error(
            f"The database router puts {model._meta.label} on {router.db_for_write(model)}, and the log on {home}:"
            " a row and its event cannot be one transaction.",
            hint="Keep models that are AtomicSaves on the database of the app notifications.",
            id="notifications.E014",
        )
        for model in apps.get_models()
        if issubclass(model, AtomicSaves) and router.db_for_write(model) != home
    ]
    return [*found, *keys_of_users()]


def keys_of_users() -> list[CheckMessage]:
    """Reports a user model whose keys may be too long for the name of a channel."""
    longest = get_user_model()._meta.pk.max_length or 0
    room = Event._meta.get_field("channel").max_length - len(control_channel(""))  # type: ignore[operator]
    if longest <= room:
        return []
    return [
        Warning(
            f"Primary keys of users may have {longest} characters; the name of a channel has room for {room} of them.",
            hint="Events for a person with a longer key are refused with a ValueError.",
            id="notifications.W015",
        )
    ]


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


def check_processes(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Reports settings with which processes do not wake each other."""
    local = isinstance(get_channel_layer(), InMemoryChannelLayer | NoneType)
    if local and bool(getattr(settings, "REDIS_URL", None)):
        return [
            Error(
                "REDIS_URL is set, but the channel layer does not use it: processes do not wake each other.",
                hint='Set CHANNEL_LAYERS to "channels_redis.pubsub.RedisPubSubChannelLayer".',
                id="notifications.E009",
            )
        ]
    if wakeups.way() == wakeups.NONE and workers() > 1:
        return [
            Warning(
                "There are several processes, and nothing wakes them: they find events by polling alone.",
                hint="Set REDIS_URL, or NOTIFICATIONS_WAKE_PROCESSES = True.",
                id="notifications.W010",
            )
        ]
    return []


def check_wakeups(
    app_configs: Sequence[Any] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Reports a PostgreSQL whose notifications do not arrive."""
    alias = log.database()
    if alias not in (databases or ()) or wakeups.way() != wakeups.NOTIFY or remote_wakeups.is_notify_heard(alias):
        return []
    return [
        Warning(
            "What is sent by NOTIFY does not arrive by LISTEN: processes find events by polling alone.",
            hint="A pooler hands on connections by the transaction. Set REDIS_URL, or connect to PostgreSQL itself.",
            id="notifications.W016",
        )
    ]


def check_notifiers(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Reports notifiers whose rows and events are not one transaction."""
    return [
        Warning(
            f"{each.__name__} notifies of {each.model.__name__}, which is no AtomicSaves: a crash after a save loses its event.",
            hint="Derive the model from notifications.models.AtomicSaves, or save it within transaction.atomic().",
            obj=each.model,
            id="notifications.W020",
        )
        for each in connected_notifiers()
        if each.when != () and not issubclass(each.model, AtomicSaves)
    ]


def workers() -> int:
    """Returns the number of server processes, by the environment variable that most hosts set."""
    value = os.environ.get("WEB_CONCURRENCY", "1")
    return int(value) if value.isdecimal() else 1
