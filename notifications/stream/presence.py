"""Presence: the streams that are open in this process and those that ended lately, for log lines, metrics and look-ups."""

import logging
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from notifications import metrics

logger = logging.getLogger("notifications.streams")

# Ended streams that are kept.
MAX_ENDED = 1000


class StreamInfo(NamedTuple):
    """A stream at one moment. Times are in seconds since the epoch, positions are those of the log."""

    trace: str
    user_id: str
    # The channels of a stream that carries certain ones (a payment's); empty for one that carries all of a person's.
    channels: tuple[str, ...]
    opened_at: float
    # The position after which it began, and the one up to which it was served.
    cursor: int
    position: int
    written_at: float
    delivered: int
    ended_at: float | None
    reason: str

    def had(self, channel: str, position: int) -> bool:
        """Whether it carried the channel, and the position lies between its cursor and its last one."""
        return (not self.channels or channel in self.channels) and self.cursor < position <= self.position


class OpenStream(Protocol):
    """An open stream that can describe itself."""

    def info(self, reason: str = "") -> StreamInfo:
        """What is known of it now; with a reason, at its end."""
        ...


_open: set[OpenStream] = set()
_ended: deque[StreamInfo] = deque(maxlen=MAX_ENDED)


def record_opened(stream: OpenStream, cursor: int | None) -> None:
    """Counts and logs that a stream is open. cursor: the position it resumes from, if it resumes."""
    _open.add(stream)
    metrics.OPENED.inc()
    if cursor is not None:
        metrics.RESUMED.inc()
    logger.debug("stream opened: user %s, from %s", stream.info().user_id, cursor)


def record_ended(stream: OpenStream, reason: str) -> None:
    """Counts and logs that a stream has ended; the log line sums it up. reason: one of those in docs/operating.md."""
    _open.discard(stream)
    metrics.ENDED.labels(reason).inc()
    info = stream.info(reason)
    _ended.append(info)
    seconds = (info.ended_at or 0) - info.opened_at
    logger.info(
        "stream ended: %s; user %s, from %d to %d, %d delivered in %.1f s",
        *(reason, info.user_id, info.cursor, info.position, info.delivered, seconds),
        extra={"stream": info._asdict(), "seconds": round(seconds, 3)},
    )


def of_user(user_id: Any) -> Iterator[StreamInfo]:
    """The streams of one person: the open ones, then those that ended lately, the latest first."""
    for info in [*(stream.info() for stream in list(_open)), *reversed(_ended)]:
        if info.user_id == str(user_id):
            yield info
