"""Which streams are open in this process and which have just ended: for its log, its metrics, and who asks after one."""

import logging
import time
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from notifications import metrics

if TYPE_CHECKING:
    from notifications.delivery import Delivery

logger = logging.getLogger("notifications.streams")

# Streams remembered after their end.
REMEMBERED = 1000


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


_open: "set[Delivery]" = set()
_ended: deque[Record] = deque(maxlen=REMEMBERED)


def opened(delivery: "Delivery") -> None:
    """Notes that a stream is open."""
    _open.add(delivery)
    metrics.OPENED.inc()
    if delivery.opened.cursor is not None:
        metrics.RESUMED.inc()
    logger.debug("stream opened: user %s, from %s", delivery.opened.user_id, delivery.opened.cursor)


def ended(delivery: "Delivery") -> None:
    """Notes that a stream is over, with one line that says how it went."""
    _open.discard(delivery)
    reason = reason_of(delivery)
    metrics.ENDED.labels(reason).inc()
    record = record_of(delivery, reason)
    _ended.append(record)
    seconds = (record.ended_at or 0) - record.opened_at
    logger.info(
        "stream ended: %s; user %s, from %d to %d, %d delivered in %.1f s",
        *(reason, record.user_id, record.cursor, record.position, record.delivered, seconds),
        extra={"fields": {"stream": record._asdict(), "seconds": round(seconds, 3)}},
    )


def reason_of(delivery: "Delivery") -> str:
    """Why a stream has ended, in one word."""
    listener = delivery.listener
    if listener.left:
        return "left"
    if listener.finished:
        return "finished"
    if delivery.opened.once and not listener.closing:
        return "once"
    if not listener.closing:
        return "broken"
    if delivery.follower.manager.draining:
        return "drained"
    return "aged" if time.monotonic() >= delivery.ends_at else "closed"


def record_of(delivery: "Delivery", reason: str = "") -> Record:
    """What is known of a stream now."""
    now = time.time()
    return Record(
        trace=delivery.trace,
        user_id=str(delivery.opened.user_id),
        channels=tuple(delivery.listener.since) if delivery.listener.fixed else (),
        opened_at=delivery.opened_at,
        cursor=delivery.began,
        position=delivery.listener.position,
        written_at=now - (time.monotonic() - delivery.listener.wrote_at),
        delivered=delivery.listener.delivered,
        ended_at=now if reason else None,
        reason=reason,
    )


def of_user(user_id: Any) -> Iterator[Record]:
    """The streams of a person: the open ones, and those that have ended lately."""
    yield from (record_of(delivery) for delivery in list(_open) if str(delivery.opened.user_id) == str(user_id))
    yield from (record for record in reversed(_ended) if record.user_id == str(user_id))
