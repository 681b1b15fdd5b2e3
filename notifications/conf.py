"""The app's settings, each read when used, so that tests and sites can override them."""

from datetime import timedelta

from django.conf import settings


def ping_seconds() -> float:
    """Longest silence on a stream, in seconds; below the 60 s at which nginx ends an idle answer (trap 26)."""
    return float(getattr(settings, "NOTIFICATIONS_PING_SECONDS", 15))


def retry_milliseconds() -> int:
    """Shortest delay before a browser reconnects; each stream asks for up to twice as much, to spread a storm."""
    return int(getattr(settings, "NOTIFICATIONS_RETRY_MS", 1000))


def stream_max_age() -> float:
    """Longest life of one stream in seconds; each ends at 50-100 % of it, so that they do not end together."""
    return float(getattr(settings, "NOTIFICATIONS_STREAM_MAX_AGE", 3600))


def wakes_processes() -> bool:
    """Whether processes wake each other without Redis, by LISTEN and NOTIFY on PostgreSQL and by datagrams on SQLite."""
    return bool(getattr(settings, "NOTIFICATIONS_WAKE_PROCESSES", True))


def poll_seconds(*, woken: bool) -> float:
    """Seconds between polls of the log's head; with `woken` polling is the safety net of a process that others wake."""
    if woken:
        return float(getattr(settings, "NOTIFICATIONS_SAFETY_POLL_SECONDS", 1.5))
    return float(getattr(settings, "NOTIFICATIONS_POLL_SECONDS", 0.2))


def max_streams() -> int:
    """Streams that one process accepts; each is a file descriptor, of which 20,000 is a usual limit."""
    return int(getattr(settings, "NOTIFICATIONS_MAX_STREAMS", 15_000))


def max_streams_per_person() -> int:
    """Streams of one user in one process: far more than one user's browsers open, far fewer than a process accepts."""
    return int(getattr(settings, "NOTIFICATIONS_MAX_STREAMS_PER_PERSON", 2_000))


def keep_days() -> int:
    """Days after which `prune_events` deletes an event that no user has unread."""
    return int(getattr(settings, "NOTIFICATIONS_KEEP_DAYS", 90))


def keep_unread_days() -> int:
    """Days after which an event is deleted, read or not: a follower who never comes back would keep it for ever."""
    return int(getattr(settings, "NOTIFICATIONS_KEEP_UNREAD_DAYS", 365))


def max_data_bytes() -> int:
    """Bytes of one event's data, as JSON in UTF-8; log.append() refuses more. Every reader of the event gets all of them."""
    return int(getattr(settings, "NOTIFICATIONS_MAX_DATA_BYTES", 16 * 1024))


def authenticators() -> list[str]:
    """Paths of functions that take the value of the header Authorization and return its user, or None: for other tokens than this app's own."""
    return list(getattr(settings, "NOTIFICATIONS_AUTHENTICATORS", ()))


def metrics_token() -> str:
    """The bearer token that a scraper of the metrics sends; empty: only this machine may read them, without a token."""
    return str(getattr(settings, "NOTIFICATIONS_METRICS_TOKEN", ""))


def digest_after() -> timedelta:
    """How long a notification stays unread before it is mailed."""
    return timedelta(minutes=int(getattr(settings, "NOTIFICATIONS_DIGEST_AFTER_MINUTES", 30)))


def digest_pause() -> timedelta:
    """Shortest time between two emails to one user; notifications of the meantime go into the next one."""
    return timedelta(minutes=int(getattr(settings, "NOTIFICATIONS_DIGEST_PAUSE_MINUTES", 240)))


def digest_days() -> int:
    """Days after which an unread notification is too old to be mailed: at the first run, most are."""
    return int(getattr(settings, "NOTIFICATIONS_DIGEST_DAYS", 7))


def site_url() -> str:
    """The site's address, for links in emails: https://shop.example, without a slash at its end."""
    return str(getattr(settings, "NOTIFICATIONS_SITE_URL", "")).rstrip("/")
