"""How each server process stands, told to all others by a row of its own: for the operators' page and for who asks after a
stream.

A process reports from its event loop, with a thread for the database that is not its tail's: on SQLite a report may have
to wait for a writer, and no delivery may wait for a report.
"""

import asyncio
import logging
import os
import socket
import time
from collections import deque
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError
from django.utils import timezone
from prometheus_client import Counter, Gauge

from notifications import metrics
from notifications.concurrency import and_disconnect
from notifications.models import ServerProcess
from notifications.monitoring import delivery_trace, recent_errors

if TYPE_CHECKING:
    from notifications.stream.tail import Tail


logger = logging.getLogger(__name__)

# Seconds between two reports.
EVERY = 2.0
# A process that has not reported for this long is hung, or was killed.
SILENT_SECONDS = 10.0
# One that has not for this long is forgotten.
FORGOTTEN_SECONDS = 300.0
# Of all reports, those that stay in a row, and how many: so that a page begins with the last ten minutes.
SAMPLED_EVERY = 10.0
MAX_SAMPLES = 60


class Reporter:
    """What one process says of itself."""

    def __init__(self, tail: "Tail") -> None:
        """Begins with nothing to tell."""
        self.tail = tail
        self.name = f"{socket.gethostname()[:80]}:{os.getpid()}"
        self.started_at = timezone.now()
        self.history: deque[dict[str, float]] = deque(maxlen=MAX_SAMPLES)
        self.inquiries = delivery_trace.Inbox(tail)
        self.reported = False

    def sample(self, seconds: float) -> dict[str, float]:
        """How the process stands at this moment, and how late events were in the last so many seconds."""
        return {
            "at": round(time.time(), 1),
            "streams": len(self.tail.hub.streams),
            "position": self.tail.cursor,
            "deliveries": metrics.value(metrics.DELIVERIES),
            "lag": round(metrics.tail_lag(), 3),
            **{name: round(delay, 4) for name, delay in metrics.percentiles(seconds).items()},
        }

    def figures(self) -> dict[str, Any]:
        """All that the process tells of itself; called on the event loop."""
        now = self.sample(SAMPLED_EVERY)
        if not self.history or now["at"] - self.history[-1]["at"] >= SAMPLED_EVERY:
            self.history.append(now)
        counters: dict[str, Counter | Gauge] = {
            "opened": metrics.OPENED,
            "resumed": metrics.RESUMED,
            "resets": metrics.RESETS,
            "shed": metrics.SHED,
            "overflows": metrics.OVERFLOWS,
            "behind": metrics.TAIL_BEHIND,
        }
        return {
            "now": now,
            "counts": {name: int(metrics.value(metric)) for name, metric in counters.items()},
            "history": list(self.history),
            "errors": list(recent_errors.recent),
            "findings": self.inquiries.findings(),
        }

    def write(self, figures: dict[str, Any], *, forget: bool) -> None:
        """Stores a report; called in a thread."""
        now = timezone.now()
        try:
            told = {"reported_at": now, "figures": figures}
            if not ServerProcess.objects.filter(name=self.name, started_at=self.started_at).update(**told):
                ServerProcess.objects.update_or_create(name=self.name, defaults={**told, "started_at": self.started_at})
            self.reported = True
            if forget:
                long_ago = now - timedelta(seconds=FORGOTTEN_SECONDS)
                ServerProcess.objects.filter(reported_at__lt=long_ago).delete()
        except DatabaseError as error:
            # The tail says that the database is away.
            logger.debug("this process could not report: %s", error)

    def withdraw(self) -> None:
        """Takes the row back, of a process that ends in good order; called in a thread."""
        try:
            ServerProcess.objects.filter(name=self.name, started_at=self.started_at).delete()
        except DatabaseError as error:
            logger.debug("this process could not take its report back: %s", error)


async def keep(tail: "Tail") -> None:
    """Reports until cancelled, and then takes the row back."""
    await tail.started()
    reporter = Reporter(tail)
    rounds = 0
    try:
        while True:
            await asyncio.sleep(EVERY)
            await finished(partial(reporter.write, reporter.figures(), forget=rounds % MAX_SAMPLES == 0))
            rounds += 1
    finally:
        if reporter.reported:
            await finished(reporter.withdraw)


async def finished(work: "partial[None] | Any") -> None:
    """Runs work in a thread, to its end: cancelled in the middle, it would still be writing after the process said good-bye."""
    task = asyncio.get_running_loop().run_in_executor(None, and_disconnect, work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


def is_silent(process: ServerProcess, now: datetime | None = None) -> bool:
    """Whether a process has missed several of its reports."""
    return (now or timezone.now()) - process.reported_at > timedelta(seconds=SILENT_SECONDS)
