"""The counters and measurements of a process, for Prometheus. Their names are stable (docs/operating.md lists them).

All are in prometheus_client's own registry, so that a site which exposes it already has them. Nothing here runs once per
stream and event: a fan-out is counted as a whole, however many streams it reaches.

The workers of `serve --workers` keep their metrics in files of one folder, and each exposes all of them: prometheus_client's
multiprocess mode. A gauge says there how it is put together.
"""

import math
import os
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, Protocol

from prometheus_client import Counter, Gauge, Histogram


class FannedOut(Protocol):
    """The fields of an entry that are measured."""

    position: int
    event: Any


# Seconds; from the time of one write to a delay that a person notices as late.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
# Delays that are kept for the operators' page: those of the last so many events.
MAX_DELAYS = 2000

# Where several processes keep their metrics together, as prometheus_client reads it; else empty.
SHARED_FOLDER = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")

STREAMS = Gauge("notifications_streams_open", "Streams open.", multiprocess_mode="livesum")
OPENED = Counter("notifications_streams_opened_total", "Streams opened.")
RESUMED = Counter("notifications_streams_resumed_total", "Streams opened that resume an earlier one.")
RESETS = Counter(
    "notifications_streams_reset_total", "Streams asked to reload, because their cursor is not in the log."
)
SHED = Counter("notifications_streams_shed_total", "Streams asked to come back much later, because there was no room.")
FAILED = Counter("notifications_streams_failed_total", "Streams asked to come back, because they could not be opened.")
ENDED = Counter("notifications_streams_ended_total", "Streams that have ended.", ("reason",))
OVERFLOWS = Counter("notifications_overflows_total", "Times a stream fell so far behind that it read the log again.")
DELIVERIES = Counter("notifications_deliveries_total", "Events handed to open streams: events times listeners.")
CAUGHT_UP = Counter(
    "notifications_caught_up_total", "Events read from the log, or from memory, for streams that missed them."
)
SEQUENCE_SECONDS = Histogram(
    "notifications_sequence_seconds", "Time to give positions after a commit.", buckets=BUCKETS
)
COMMIT_TO_SOCKET = Histogram(
    "notifications_commit_to_socket_seconds",
    "Time from the appending of an event to the end of its fan-out, once per event with a listener in this process.",
    buckets=BUCKETS,
)
BACKGROUND_UP = Gauge(
    "notifications_background_up",
    "1 while a background task runs, 0 after a failure.",
    ("task",),
    multiprocess_mode="livemin",
)
BACKGROUND_FAILURES = Counter(
    "notifications_background_failures_total", "Times a background task failed and was started again.", ("task",)
)
TAIL_POSITION = Gauge(
    "notifications_tail_position", "Position up to which streams have been served.", multiprocess_mode="livemax"
)
TAIL_BEHIND = Gauge(
    "notifications_tail_behind_events",
    "Events that the tail had not served yet when it last compared.",
    multiprocess_mode="livemax",
)
# In files this is the moment of the reading: a worker that hangs could not write how long it has been silent.
TAIL_SECONDS = Gauge(
    "notifications_tail_lag_seconds",
    "Seconds since the tail last read the log to its end.",
    multiprocess_mode="livemin",
)
WORKERS_STARTED = Counter(
    "notifications_workers_started_total", "Workers of `serve --workers` that have been started.", ("reason",)
)
# Of `manage.py deliver`: each process reports the consumers whose lease it holds.
CONSUMER_LAG = Gauge(
    "notifications_consumer_lag_events",
    "Positions of the log that the consumer has yet to pass.",
    ("consumer",),
    multiprocess_mode="livemax",
)
CONSUMER_SECONDS = Gauge(
    "notifications_consumer_lag_seconds",
    "Age of the oldest event that the consumer has yet to handle.",
    ("consumer",),
    multiprocess_mode="livemax",
)
CONSUMED = Counter("notifications_consumer_events_total", "Events that were handled.", ("consumer",))
CONSUMER_FAILURES = Counter(
    "notifications_consumer_failures_total", "Calls of the consumer's function that failed.", ("consumer",)
)
SET_ASIDE = Counter(
    "notifications_consumer_set_aside_total", "Events that failed again and again, and were passed over.", ("consumer",)
)

# Of the latest events: the end of the fan-out on the monotonic clock, the position, the delay in seconds.
delays: deque[tuple[float, int, float]] = deque(maxlen=MAX_DELAYS)
_read_at: float | None = None


def tail_lag() -> float:
    """Seconds since the tail last read the log to its end; 0 without a tail."""
    return 0.0 if _read_at is None else time.monotonic() - _read_at


def lag_since(moment: float) -> float:
    """Seconds since a moment of the monotonic clock, which all processes of a machine share; 0 since infinity."""
    return max(0.0, time.monotonic() - moment)


if SHARED_FOLDER:
    TAIL_SECONDS.set(math.inf)
else:
    TAIL_SECONDS.set_function(tail_lag)


def tail_read(position: int) -> None:
    """Records that the tail has read the log to its end."""
    global _read_at
    _read_at = time.monotonic()
    TAIL_POSITION.set(position)
    if SHARED_FOLDER:
        TAIL_SECONDS.set(_read_at)


def tail_stopped() -> None:
    """Records that there is no tail any more: tail_lag() is 0 again."""
    global _read_at
    _read_at = None
    if SHARED_FOLDER:
        TAIL_SECONDS.set(math.inf)


def fanned_out(delivered: Sequence[tuple[FannedOut, int]]) -> None:
    """Counts and measures a fan-out after its writes. delivered: its entries, each with the number of its listeners.

    The delay is measured from the appending, not from the commit: the log has the time when the row was written, not the
    time when its transaction ended.
    """
    DELIVERIES.inc(sum(listeners for _entry, listeners in delivered))
    now, moment = time.time(), time.monotonic()
    for entry, listeners in delivered:
        if not listeners:
            continue
        # Another machine's clock may be ahead of ours.
        delay = max(0.0, now - entry.event.created_at.timestamp())
        COMMIT_TO_SOCKET.observe(delay)
        delays.append((moment, entry.position, delay))


def percentiles(seconds: float) -> dict[str, float]:
    """The 50th, 95th and 99th percentile of the delays, by name ("p50"), over so many seconds; empty without an event."""
    since = time.monotonic() - seconds
    recent = sorted(delay for moment, _position, delay in list(delays) if moment >= since)
    return {f"p{share}": recent[min(len(recent) - 1, len(recent) * share // 100)] for share in (50, 95, 99) if recent}


def written_at(position: int) -> float | None:
    """When this process's fan-out of an event ended, in seconds since the epoch; None if that is no longer known."""
    for moment, known, _delay in reversed(list(delays)):
        if known == position:
            return time.time() - (time.monotonic() - moment)
    return None


def value(metric: Counter | Gauge) -> float:
    """The value of a metric without labels."""
    return next(sample.value for family in metric.collect() for sample in family.samples)
