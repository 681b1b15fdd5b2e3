"""Runs one consumer: takes its lease, reads the events behind its cursor, calls its function, and moves the cursor.

A batch that fails, or whose process was killed in it, is repeated event by event: the first that fails by itself is the one that
is tried again with growing pauses, and in the end set aside. A try is counted before the function is called, so an event that
kills the process each time is set aside too.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from django.db import connections
from django.utils import timezone

from notifications import log, metrics
from notifications.consumers.batch import Batch, Interrupted, TryLater
from notifications.consumers.lease import TAKE_SECONDS, Lease, LeaseLost
from notifications.consumers.registry import Consumer
from notifications.log.control import CONTROL_CHANNELS
from notifications.models import ConsumerCursor, Event

logger = logging.getLogger("notifications.consumers")

# Seconds before the second and the last tries of an event: the pause doubles.
FIRST_RETRY, LONGEST_RETRY = 0.5, 60.0
# The result of step() if there is nothing to do until the log grows.
IDLE = float("inf")


class ConsumerWorker:
    """One consumer in one process. step() runs in one thread at a time; renew() may run beside it, in another."""

    def __init__(self, consumer: Consumer, holder: str) -> None:
        """holder: the name of this process."""
        self.consumer = consumer
        self.lease = Lease(consumer, holder)
        # Whether the last step() found the lease free, or its own.
        self.holds = False
        # Set by another thread: the function's next save_progress() raises Interrupted.
        self.is_ending = False
        # When the oldest event that it has yet to handle was appended.
        self._oldest: datetime | None = None

    def step(self) -> float:
        """Handles one batch. Returns the seconds until there is more to do: 0 for at once, IDLE for as long as the log is the same.

        Raises errors of the database; those of the function are logged and counted.
        """
        bounds = log.begin()
        cursor = self.lease.take(bounds)
        self.holds = cursor is not None
        if cursor is None:
            self._forget_lag()
            return TAKE_SECONDS
        try:
            return self._work(cursor, bounds)
        except LeaseLost:
            logger.warning("the consumer %s goes on in another process, which has taken its lease", self.consumer.name)
            self.holds = False
            self._forget_lag()
            return TAKE_SECONDS

    def release(self) -> None:
        """Gives the lease back."""
        if self.holds:
            self.holds = False
            self.lease.release()
            self._forget_lag()

    def _work(self, cursor: ConsumerCursor, bounds: log.Bounds) -> float:
        if cursor.epoch != bounds.epoch:
            self._enter_epoch(cursor, bounds)
        elif cursor.position < bounds.horizon:
            self._note_pruned(cursor, bounds)
        now = timezone.now()
        if cursor.retry_at is not None and cursor.retry_at > now:
            self._show_lag(bounds.head - cursor.position, now)
            return (cursor.retry_at - now).total_seconds()
        events = self._read(cursor, bounds) if cursor.position < bounds.head else []
        self._oldest = events[0].created_at if events else None
        self._show_lag(bounds.head - cursor.position if events else 0, now)
        if not events:
            if cursor.position < bounds.head:
                self.lease.store(cursor, position=bounds.head, begun=bounds.head, tries=0, progress=0, error="")
            return IDLE
        self._handle(cursor, events)
        return 0.0

    def _read(self, cursor: ConsumerCursor, bounds: log.Bounds) -> list[Event]:
        """Returns the next events up to the head: one by one where a batch was begun and not completed."""
        unfinished = cursor.begun > cursor.position
        events = Event.objects.using(log.database()).filter(
            position__gt=cursor.position, position__lte=bounds.head, retracted_at=None
        )
        wanted = self.consumer.kind_names()
        if wanted is not None:
            events = events.filter(kind__in=wanted)
        events = events.exclude(channel__startswith=CONTROL_CHANNELS).order_by("position")
        return list(events[: 1 if unfinished else self.consumer.batch])

    def _handle(self, cursor: ConsumerCursor, events: list[Event]) -> None:
        last = events[-1].position or 0
        is_single = len(events) == 1
        if is_single and cursor.tries >= self.consumer.attempts:
            # Its last try did not live to fail.
            self._set_aside(cursor, events[0], "the process ended in each try")
            return
        tries = cursor.tries + is_single
        self.lease.store(cursor, begun=max(last, cursor.begun), tries=tries, retry_at=None)
        save: Callable[[int], None] | None = partial(self._save_progress, cursor) if is_single else None
        try:
            self.consumer.handle(Batch(events, cursor.progress if is_single else 0, save))
        except LeaseLost:
            raise
        except Interrupted:
            self.lease.store(cursor, tries=0)
        except TryLater as later:
            logger.warning("the consumer %s tries again in %.1f s: %s", self.consumer.name, later.seconds, later)
            retry_at = timezone.now() + timedelta(seconds=later.seconds)
            # The whole batch, and no try of it: nothing is wrong with the events.
            begun = cursor.position if not is_single else cursor.begun
            self.lease.store(
                cursor, tries=max(0, cursor.tries - is_single), begun=begun, retry_at=retry_at, error=said(later)
            )
        except Exception as error:  # noqa: BLE001  _fail() logs it
            self._fail(cursor, events, error)
        else:
            metrics.CONSUMED.labels(self.consumer.name).inc(len(events))
            self.lease.store(cursor, position=last, tries=0, progress=0, error="")

    def _save_progress(self, cursor: ConsumerCursor, progress: int) -> None:
        if self.is_ending:
            raise Interrupted("the process ends")
        # What comes further each time is not poisonous, however often its process is killed.
        self.lease.store(cursor, progress=progress, tries=1)

    def _fail(self, cursor: ConsumerCursor, events: list[Event], error: Exception) -> None:
        metrics.CONSUMER_FAILURES.labels(self.consumer.name).inc()
        # A connection that the function has broken would fail the next statement too.
        connections[log.database()].close_if_unusable_or_obsolete()
        if len(events) > 1:
            logger.warning(
                "the consumer %s failed with the events %s to %s, and gets them one by one",
                *(self.consumer.name, events[0].position, events[-1].position),
                exc_info=error,
            )
            self.lease.store(cursor, error=said(error))
            return
        event = events[0]
        # What save_progress() stored in a transaction that the failure has rolled back is not there.
        cursor.refresh_from_db(using=log.database(), fields=["tries", "progress"])
        if cursor.tries >= self.consumer.attempts:
            self._set_aside(cursor, event, said(error), error)
            return
        pause = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(cursor.tries - 1, 20))
        logger.warning(
            "the consumer %s failed with the event %s (%s): try %d of %d, the next one in %.1f s",
            *(self.consumer.name, event.position, event.kind, cursor.tries, self.consumer.attempts, pause),
            exc_info=error,
        )
        self.lease.store(cursor, retry_at=timezone.now() + timedelta(seconds=pause), error=said(error))

    def _set_aside(self, cursor: ConsumerCursor, event: Event, reason: str, error: Exception | None = None) -> None:
        position = event.position or 0
        number = cursor.set_aside + 1
        self.lease.store(cursor, position=position, tries=0, progress=0, retry_at=None, error=reason, set_aside=number)
        metrics.SET_ASIDE.labels(self.consumer.name).inc()
        logger.error(
            "the consumer %s has set aside the event %s of the channel %s (%s) after %d tries: %s",
            *(self.consumer.name, position, event.channel, event.kind, self.consumer.attempts, reason),
            exc_info=error,
        )

    def _enter_epoch(self, cursor: ConsumerCursor, bounds: log.Bounds) -> None:
        """Goes on from its own cursor, which is of the part that both epochs have: the row was restored with the log."""
        position = min(cursor.position, bounds.head)
        logger.warning(
            "the log has the epoch %s, not %s: the consumer %s goes on from %d",
            *(bounds.epoch, cursor.epoch, self.consumer.name, position),
        )
        self.lease.store(
            cursor,
            position=position,
            begun=min(cursor.begun, bounds.head),
            epoch=bounds.epoch,
            tries=0,
            progress=0,
            retry_at=None,
        )

    def _note_pruned(self, cursor: ConsumerCursor, bounds: log.Bounds) -> None:
        """Says so once: the cursor passes the horizon with the next event."""
        if cursor.position and not cursor.tries:
            logger.warning(
                "events after %d and up to %d may have been pruned before the consumer %s had them",
                *(cursor.position, bounds.horizon, self.consumer.name),
            )

    def _show_lag(self, behind: int, now: datetime) -> None:
        metrics.CONSUMER_LAG.labels(self.consumer.name).set(behind)
        self.show_age(now)

    def show_age(self, now: datetime) -> None:
        """Reports the age of the oldest event; beside step() too, so that it grows while a function hangs."""
        oldest = self._oldest
        age = (now - oldest).total_seconds() if oldest else 0.0
        # Another machine's clock may be ahead of ours.
        metrics.CONSUMER_SECONDS.labels(self.consumer.name).set(max(0.0, age))

    def _forget_lag(self) -> None:
        """The process that has the lease reports the lag."""
        self._oldest = None
        self._show_lag(0, timezone.now())


def said(error: BaseException) -> str:
    """Returns an error as one line that fits into the row."""
    return f"{type(error).__name__}: {error}".replace("\n", " ").replace("\0", "")[:500]
