"""The app's settings, each read when used, so that tests and sites can override them."""

from datetime import timedelta

from django.conf import settings


def ping_seconds() -> float:
    """Longest silence on a stream, in seconds; below the 60 s at which nginx ends an idle answer (trap 26)."""
    return float(getattr(settings, "NOTIFICATIONS_PING_SECONDS", 15))


def retry_milliseconds() -> int:
    """Shortest delay before a browser reconnects; each stream is told up to twice as much, to spread a storm."""
    return int(getattr(settings, "NOTIFICATIONS_RETRY_MS", 1000))


def stream_max_age() -> float:
    """Longest life of one stream in seconds; each ends at 50-100 % of it, so that they do not end together."""
    return float(getattr(settings, "NOTIFICATIONS_STREAM_MAX_AGE", 3600))


def poll_seconds(*, woken: bool) -> float:
    """Seconds between looks at the log's head: short where nobody wakes us, a safety net where Redis does."""
    if woken:
        return float(getattr(settings, "NOTIFICATIONS_SAFETY_POLL_SECONDS", 2.0))
    return float(getattr(settings, "NOTIFICATIONS_POLL_SECONDS", 0.2))


def max_streams() -> int:
    """Streams that one process takes; each is a file descriptor, of which 20,000 is a usual limit."""
    return int(getattr(settings, "NOTIFICATIONS_MAX_STREAMS", 15_000))


def max_streams_per_person() -> int:
    """Streams of one person in one process: far more than anybody's browsers, far fewer than a process takes."""
    return int(getattr(settings, "NOTIFICATIONS_MAX_STREAMS_PER_PERSON", 2_000))


def keep_days() -> int:
    """Days an event is kept before `prune_events` deletes it, if nobody still has it unread."""
    return int(getattr(settings, "NOTIFICATIONS_KEEP_DAYS", 90))


def keep_unread_days() -> int:
    """Days an event is kept at most, read or not: a follower who never comes back would keep it for ever."""
    return int(getattr(settings, "NOTIFICATIONS_KEEP_UNREAD_DAYS", 365))


def metrics_token() -> str:
    """What a scraper must bear to read the metrics; empty: this machine may, without one, and nobody else."""
    return str(getattr(settings, "NOTIFICATIONS_METRICS_TOKEN", ""))


def digest_after() -> timedelta:
    """How long something stays unread before it is mailed."""
    return timedelta(minutes=int(getattr(settings, "NOTIFICATIONS_DIGEST_AFTER_MINUTES", 30)))


def digest_pause() -> timedelta:
    """Shortest time between two emails to one person; what happens meanwhile goes into the next."""
    return timedelta(minutes=int(getattr(settings, "NOTIFICATIONS_DIGEST_PAUSE_MINUTES", 240)))


def digest_days() -> int:
    """Days after which something unread is no news any more, and is not mailed: before the first run all of it is old."""
    return int(getattr(settings, "NOTIFICATIONS_DIGEST_DAYS", 7))


def site_url() -> str:
    """Where the site is reached, for links in emails: https://shop.example, without a slash at its end."""
    return str(getattr(settings, "NOTIFICATIONS_SITE_URL", "")).rstrip("/")
