"""The heartbeat: each server process regularly stores a report in a row of its own.

The operators' page shows the reports; they also carry the results of delivery traces. The event loop makes the report, and a
thread stores it. That thread is not the tail's: on SQLite a report may wait for a writer, and no delivery may wait for a
report.
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
# A process without a report for this long hangs, or was killed.
SILENT_SECONDS = 10.0
# The row of a process without a report for this long is deleted.
FORGOTTEN_SECONDS = 300.0
# Seconds between two samples that are kept in the row, and their number: a page begins with the last ten minutes.
SAMPLED_EVERY = 10.0
MAX_SAMPLES = 60


class Reporter:
    """Makes and stores the reports of this process."""

    def __init__(self, tail: "Tail") -> None:
        self.tail = tail
        self.name = f"{socket.gethostname()[:80]}:{os.getpid()}"
        self.started_at = timezone.now()
        self.history: deque[dict[str, float]] = deque(maxlen=MAX_SAMPLES)
        self.inquiries = delivery_trace.Inbox(tail)
        self.reported = False

    def sample(self, seconds: float) -> dict[str, float]:
        """Returns the figures of this moment, and the percentiles of the delays of the last `seconds`."""
        return {
            "at": round(time.time(), 1),
            "streams": len(self.tail.hub.streams),
            "position": self.tail.cursor,
            "deliveries": metrics.value(metrics.DELIVERIES),
            "lag": round(metrics.tail_lag(), 3),
            **{name: round(delay, 4) for name, delay in metrics.percentiles(seconds).items()},
        }

    def figures(self) -> dict[str, Any]:
        """Returns the report; called on the event loop."""
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
            # The tail logs that the database cannot be reached.
            logger.debug("this process could not report: %s", error)

    def withdraw(self) -> None:
        """Deletes the row, when the process shuts down; called in a thread."""
        try:
            ServerProcess.objects.filter(name=self.name, started_at=self.started_at).delete()
        except DatabaseError as error:
            logger.debug("this process could not delete its report: %s", error)


async def keep(tail: "Tail") -> None:
    """Reports until it is cancelled, then deletes the row."""
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
    """Runs work in a thread to its end, even if cancelled: it must not write after the row was deleted."""
    task = asyncio.get_running_loop().run_in_executor(None, and_disconnect, work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


def is_silent(process: ServerProcess, now: datetime | None = None) -> bool:
    """Whether a process has missed several reports."""
    return (now or timezone.now()) - process.reported_at > timedelta(seconds=SILENT_SECONDS)
