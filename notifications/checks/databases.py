"""The databases and the processes: settings with which the log cannot work, or is found by polling alone."""

import os
from collections.abc import Sequence
from types import NoneType
from typing import Any

from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004  Django's own name
from django.db import router

from notifications import log
from notifications.log import wakeups
from notifications.log.control import control_channel
from notifications.models import AtomicSaves, Event
from notifications.stream import remote_wakeups

# Of the backends that come with Django; MariaDB has that of MySQL.
UNSUPPORTED = (".mysql", ".oracle")


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


def workers() -> int:
    """Returns the number of server processes, by the environment variable that most hosts set."""
    value = os.environ.get("WEB_CONCURRENCY", "1")
    return int(value) if value.isdecimal() else 1
