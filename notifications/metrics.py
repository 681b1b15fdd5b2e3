"""What a process counts and measures, for Prometheus: the names are a promise (docs/operating.md lists them).

All are in prometheus_client's own registry, so that a site which exposes that already has them. Nothing here is done once
per stream and event: a fan-out counts as a whole, however many streams it reaches.
"""

import time
from collections import deque
from collections.abc import Sequence
from typing import Any, Protocol

from prometheus_client import Counter, Gauge, Histogram


class FannedOut(Protocol):
    """What is measured of an entry of the log."""

    position: int
    event: Any


# Seconds; from what one write costs to what a person calls late.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
# Delays remembered for the operators' page: those of the last so many events.
MAX_DELAYS = 2000

STREAMS = Gauge("notifications_streams_open", "Streams open in this process.")
OPENED = Counter("notifications_streams_opened_total", "Streams opened.")
RESUMED = Counter("notifications_streams_resumed_total", "Streams opened that resume an earlier one.")
RESETS = Counter("notifications_streams_reset_total", "Streams told to reload, because their cursor is not in the log.")
SHED = Counter("notifications_streams_shed_total", "Streams asked to come back much later, for want of room.")
FAILED = Counter("notifications_streams_failed_total", "Streams asked to come back, because they could not be opened.")
ENDED = Counter("notifications_streams_ended_total", "Streams that have ended.", ("reason",))
OVERFLOWS = Counter("notifications_overflows_total", "Times a stream fell so far behind that it read the log again.")
DELIVERIES = Counter("notifications_deliveries_total", "Events handed to open streams: events times listeners.")
CAUGHT_UP = Counter(
    "notifications_caught_up_total", "Events given from the log, or from memory, to streams that missed them."
)
SEQUENCE_SECONDS = Histogram(
    "notifications_sequence_seconds", "Time to give positions after a commit.", buckets=BUCKETS
)
COMMIT_TO_SOCKET = Histogram(
    "notifications_commit_to_socket_seconds",
    "Time from the appending of an event to the end of its fan-out, once per event that anybody here listens to.",
    buckets=BUCKETS,
)
TAIL_POSITION = Gauge("notifications_tail_position", "Position up to which this process has served its streams.")
TAIL_BEHIND = Gauge("notifications_tail_behind_events", "Events that the tail had yet to serve at its last look.")
TAIL_SECONDS = Gauge("notifications_tail_lag_seconds", "Seconds since the tail last read the log to its end.")

# Of the latest events: when, on the monotonic clock, at which position, and how late.
delays: deque[tuple[float, int, float]] = deque(maxlen=MAX_DELAYS)
_read_at: float | None = None


def tail_lag() -> float:
    """Seconds since the tail last read the log to its end; 0 before there is one."""
    return 0.0 if _read_at is None else time.monotonic() - _read_at


TAIL_SECONDS.set_function(tail_lag)


def tail_read(position: int) -> None:
    """Notes that the tail has read the log to its end."""
    global _read_at
    _read_at = time.monotonic()
    TAIL_POSITION.set(position)


def tail_stopped() -> None:
    """Notes that there is no tail any more, so that nobody waits for it."""
    global _read_at
    _read_at = None


def fanned_out(heard: Sequence[tuple[FannedOut, int]]) -> None:
    """Counts and measures a fan-out, whose writes are done: of these entries, each to so many listeners.

    How late they are is counted from their appending, not their commit: the log does not know when a transaction ended,
    only when it wrote the row.
    """
    DELIVERIES.inc(sum(listeners for _entry, listeners in heard))
    now, moment = time.time(), time.monotonic()
    for entry, listeners in heard:
        if not listeners:
            continue
        # Another machine's clock may be ahead of ours.
        delay = max(0.0, now - entry.event.created_at.timestamp())
        COMMIT_TO_SOCKET.observe(delay)
        delays.append((moment, entry.position, delay))


def percentiles(seconds: float) -> dict[str, float]:
    """The delays of the last so many seconds, at the median and further out; empty where nothing happened."""
    since = time.monotonic() - seconds
    recent = sorted(delay for moment, _position, delay in list(delays) if moment >= since)
    return {f"p{share}": recent[min(len(recent) - 1, len(recent) * share // 100)] for share in (50, 95, 99) if recent}


def written_at(position: int) -> float | None:
    """When this process's fan-out of an event ended, in seconds since the epoch; None where that is forgotten."""
    for moment, known, _delay in reversed(list(delays)):
        if known == position:
            return time.time() - (time.monotonic() - moment)
    return None


def value(metric: Counter | Gauge) -> float:
    """What a metric without labels stands at."""
    return next(sample.value for family in metric.collect() for sample in family.samples)
