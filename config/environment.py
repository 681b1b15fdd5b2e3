"""Strict parsing of environment variables: a malformed value ends the process with one line that names the variable."""

import os
import re
from collections.abc import Callable
from email.utils import parseaddr
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import environ

from notifications.defaults import SQLITE_OPTIONS

T = TypeVar("T")

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off"}
ENGINES = {"sqlite": "django.db.backends.sqlite3", "postgresql": "django.db.backends.postgresql"}
# A process keeps `min_size` connections open, one of which is its tail's, and opens at most `max_size`; beyond that a
# caller waits up to `timeout` seconds. While PostgreSQL is down, the pool doubles the pause between attempts up to
# `reconnect_timeout`; its default of 5 minutes could delay the recovery by as long as the outage lasted.
POOL = {"min_size": 2, "max_size": 16, "timeout": 10, "max_idle": 60, "reconnect_timeout": 3}

# Seconds. Without a timeout, a mail server that does not respond would block a run for ever.
MAIL_TIMEOUT = 10


def stop(name: str, problem: str) -> NoReturn:
    """Ends the process with one line, by SystemExit, which every entry point prints without a traceback."""
    raise SystemExit(f"{name}: {problem}")


def read(name: str, parse: Callable[[str], T], default: T) -> T:
    """Returns the parsed variable, or the default if it is unset or empty.

    Raises SystemExit with one line when `parse` raises ValueError.
    """
    value = os.environ.get(name, "").strip()
    if not value:
        return default
    try:
        return parse(value)
    except ValueError as error:
        stop(name, str(error))


def boolean(value: str) -> bool:
    """Parses 1/0, true/false, yes/no, on/off."""
    if value.lower() in TRUE:
        return True
    if value.lower() in FALSE:
        return False
    raise ValueError(f"{value!r} is neither on nor off (use 1 or 0)")


def seconds(value: str) -> int:
    """Parses a whole number of seconds from 1 to a day."""
    if not re.fullmatch(r"[0-9]{1,5}", value) or not 1 <= int(value) <= 86_400:
        raise ValueError(f"{value!r} is not a whole number of seconds from 1 to 86400")
    return int(value)


def proxies(value: str) -> int:
    """Parses a number of proxies; on and off are 1 and 0."""
    if re.fullmatch(r"[2-9]", value):
        return int(value)
    try:
        return int(boolean(value))
    except ValueError:
        raise ValueError(f"{value!r} is not a number of proxies from 0 to 9") from None


def days(value: str) -> int:
    """Parses a whole number of days from 1 to 36500."""
    if not re.fullmatch(r"[0-9]{1,5}", value) or not 1 <= int(value) <= 36_500:
        raise ValueError(f"{value!r} is not a whole number of days from 1 to 36500")
    return int(value)


def token(value: str) -> str:
    """Accepts a secret that is allowed in a header and long enough."""
    if not re.fullmatch(r"[\x21-\x7e]{16,500}", value):
        raise ValueError("must have 16 or more characters, without spaces")
    return value


def one_of(*known: str) -> Callable[[str], str]:
    """Returns a parser of one of these words."""

    def parse(value: str) -> str:
        if value.lower() not in known:
            raise ValueError(f"{value!r} is none of {', '.join(known)}")
        return value.lower()

    return parse


def words(value: str) -> list[str]:
    """Parses a comma-separated list; at least one entry."""
    entries = [entry.strip() for entry in value.split(",") if entry.strip()]
    if not entries:
        raise ValueError("has no entry")
    return entries


def webhook_secrets(value: str) -> list[str]:
    """Parses comma-separated Standard Webhooks secrets (`whsec_` + base64 of 24 to 64 bytes), the newest first.

    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#signature-scheme
    """
    import base64
    import binascii

    for secret in words(value):
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            raise ValueError("a secret is not base64 (with or without the prefix whsec_)") from None
        if not 24 <= len(key) <= 64:
            raise ValueError("a secret must be the base64 of 24 to 64 bytes")
    return words(value)


def origins(value: str) -> list[str]:
    """Parses comma-separated origins such as https://shop.example, without a path (RFC 6454, section 6.2)."""
    found = words(value)
    for origin in found:
        if not re.fullmatch(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?", origin):
            raise ValueError(f"{origin!r} must look like https://shop.example")
    return found


def site_url(value: str) -> str:
    """Accepts one origin, such as https://shop.example."""
    [origin] = origins(value)
    return origin


def minutes(value: str) -> int:
    """Parses a whole number of minutes from 1 to a week."""
    if not re.fullmatch(r"[0-9]{1,5}", value) or not 1 <= int(value) <= 10_080:
        raise ValueError(f"{value!r} is not a whole number of minutes from 1 to 10080")
    return int(value)


def address(value: str) -> str:
    """Accepts an email address, alone or as Name <name@shop.example>."""
    _name, found = parseaddr(value)
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", found):
        raise ValueError("must look like Shop <news@shop.example>")
    return value


def email(value: str) -> dict[str, Any]:
    """Parses smtp://, smtp+tls:// (STARTTLS) or smtp+ssl:// with user:password@host:port, or consolemail://."""
    if not re.match(r"(smtp(\+tls|\+ssl)?://.+|consolemail://)", value):
        raise ValueError("must look like smtp+tls://user:password@host:587")
    try:
        found: dict[str, Any] = dict(environ.Env.email_url_config(value))
        usual = 587 if found.get("EMAIL_USE_TLS") else 465 if found.get("EMAIL_USE_SSL") else 25
        found["EMAIL_PORT"] = int(found["EMAIL_PORT"] or usual)
    except Exception:  # noqa: BLE001  whatever the parser stumbles over
        # The parser's own message may contain the password.
        raise ValueError("cannot be read as the address of a mail server") from None
    return found


def mailer(found: dict[str, Any]) -> dict[str, Any]:
    """Returns what email() has found as an entry of Django's MAILERS."""
    options = {
        "host": found["EMAIL_HOST"],
        "port": found["EMAIL_PORT"],
        "username": found["EMAIL_HOST_USER"] or None,
        "password": found["EMAIL_HOST_PASSWORD"] or None,
        "use_tls": found.get("EMAIL_USE_TLS", False),
        "use_ssl": found.get("EMAIL_USE_SSL", False),
        "timeout": MAIL_TIMEOUT,
    }
    has_options = found["EMAIL_BACKEND"].endswith(".smtp.EmailBackend")
    return {"BACKEND": found["EMAIL_BACKEND"], "OPTIONS": options if has_options else {}}


def redis_url(value: str) -> str:
    """Accepts redis://, rediss:// and unix:// addresses."""
    if not re.match(r"(rediss?|unix)://.+", value):
        raise ValueError("must look like redis://host:6379/0")
    return value


def database(value: str, root: Path) -> dict[str, Any]:
    """Parses a database address into one entry of Django's DATABASES; sqlite and postgresql are tested.

    A relative SQLite path is relative to the checkout, so that every process uses the same file.
    """
    scheme = value.split(":", 1)[0].lower()
    if scheme not in ("sqlite", "postgres", "postgresql", "psql"):
        raise ValueError("must begin with sqlite:/// or postgresql://")
    try:
        settings: dict[str, Any] = dict(environ.Env.db_url_config(value))
        settings["PORT"] = int(settings["PORT"]) if settings.get("PORT") else ""
    except Exception:  # noqa: BLE001  whatever the parser stumbles over
        # The parser's own message may contain the address, and with it the password.
        raise ValueError("cannot be read as a database address") from None
    if not settings.get("NAME"):
        raise ValueError("names no database")
    if scheme == "sqlite":
        settings["ENGINE"] = ENGINES["sqlite"]
        if settings["NAME"] != ":memory:":
            settings["NAME"] = root / settings["NAME"]
        settings["OPTIONS"] = dict(SQLITE_OPTIONS)
    else:
        # Without a pool each request and each opened stream starts a PostgreSQL process (measured: docs/design.md).
        settings.setdefault("OPTIONS", {})["pool"] = dict(POOL)
        # A pooled connection is tested before use, because a restart of PostgreSQL closes those in the pool.
        settings["CONN_HEALTH_CHECKS"] = True
    # Under ASGI a request may end on another thread than it began on, so Django keeps no connections (its ASGI notes).
    settings["CONN_MAX_AGE"] = 0
    return settings
