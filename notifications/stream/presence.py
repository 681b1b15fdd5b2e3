"""Which streams are open in this process and which have just ended: for its log, its metrics, and who asks after one."""

import logging
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from notifications import metrics

logger = logging.getLogger("notifications.streams")

# Streams remembered after their end.
MAX_ENDED = 1000


class Record(NamedTuple):
    """What is known of a stream. Times are seconds since the epoch, positions those of the log."""

    trace: str
    user_id: str
    # The channels of a payment's stream; empty for one that carries all that its person hears.
    channels: tuple[str, ...]
    opened_at: float
    # Where it began, and up to where it has been written to.
    cursor: int
    position: int
    written_at: float
    delivered: int
    ended_at: float | None
    reason: str

    def had(self, channel: str, position: int) -> bool:
        """Whether it carried the channel, and was written past this position from a cursor before it."""
        return (not self.channels or channel in self.channels) and self.cursor < position <= self.position


class Recorded(Protocol):
    """An open stream, as far as it is recorded."""

    def record(self, reason: str = "") -> Record:
        """What is known of it now; with a reason, at its end."""
        ...


_open: set[Recorded] = set()
_ended: deque[Record] = deque(maxlen=MAX_ENDED)


def record_opened(stream: Recorded, cursor: int | None) -> None:
    """Notes that a stream is open. cursor: what it resumes from, if anything."""
    _open.add(stream)
    metrics.OPENED.inc()
    if cursor is not None:
        metrics.RESUMED.inc()
    logger.debug("stream opened: user %s, from %s", stream.record().user_id, cursor)


def record_ended(stream: Recorded, reason: str) -> None:
    """Notes that a stream is over, with one line that says how it went."""
    _open.discard(stream)
    metrics.ENDED.labels(reason).inc()
    record = stream.record(reason)
    _ended.append(record)
    seconds = (record.ended_at or 0) - record.opened_at
    logger.info(
        "stream ended: %s; user %s, from %d to %d, %d delivered in %.1f s",
        *(reason, record.user_id, record.cursor, record.position, record.delivered, seconds),
        extra={"stream": record._asdict(), "seconds": round(seconds, 3)},
    )


def of_user(user_id: Any) -> Iterator[Record]:
    """The streams of a person: the open ones, and those that have ended lately."""
    for record in [*(stream.record() for stream in list(_open)), *reversed(_ended)]:
        if record.user_id == str(user_id):
            yield record
