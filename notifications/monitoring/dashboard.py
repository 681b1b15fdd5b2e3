"""The operators' page: the figures of all server processes, read from their reports, and sent to open pages.

They go over a stream, but not through the log: a figure is stale after two seconds, a resume does not need it, and the
monitoring must not add to the load that it measures. So the stream of this page carries the figures in place of pings.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.handlers.asgi import ASGIRequest
from django.db import DatabaseError
from django.template.loader import render_to_string
from django.utils import timezone, translation

from notifications import log
from notifications.models import ServerProcess
from notifications.monitoring import charts, heartbeat
from notifications.monitoring.charts import Plot
from notifications.monitoring.report import LoggedError, report_of
from notifications.stream import Plan, Refused, sse
from notifications.stream.request import language_of

PERMISSION = "notifications.view_serverprocess"
REPORT = "operators.report"
# Errors that the page shows, of all processes together.
ERRORS = 10


@dataclass(frozen=True, slots=True)
class Standing:
    """One process, as a row of the page's table."""

    name: str
    started_at: datetime
    seconds_ago: int
    is_silent: bool
    now: dict[str, float]
    counts: dict[str, float]
    # The style of its line in the plots.
    style: int

    @property
    def delays(self) -> str:
        """The 50th, 95th and 99th percentile of the latest delays, in milliseconds."""
        known = [self.now.get(name) for name in ("p50", "p95", "p99")]
        return " / ".join(f"{delay * 1000:.0f}" for delay in known if delay is not None)


@dataclass(frozen=True, slots=True)
class Overview:
    """The content of the page."""

    at: datetime
    processes: list[Standing]
    streams: int
    plots: list[Plot]
    errors: list[LoggedError]


def overview() -> Overview:
    """Reads the latest reports."""
    now = timezone.now()
    rows = list(ServerProcess.objects.order_by("started_at", "name"))
    reports = [report_of(row) for row in rows]
    found = [
        Standing(
            name=row.name,
            started_at=row.started_at,
            seconds_ago=max(0, int((now - row.reported_at).total_seconds())),
            is_silent=heartbeat.is_silent(row, now),
            now=report.now,
            counts=report.counts,
            style=charts.style_of(number),
        )
        for number, (row, report) in enumerate(zip(rows, reports, strict=True))
    ]
    errors = [error for report in reports for error in report.errors]
    errors.sort(key=lambda error: error.at, reverse=True)
    return Overview(
        at=now,
        processes=found,
        streams=sum(int(each.now.get("streams", 0)) for each in found if not each.is_silent),
        plots=charts.all_of(rows, now - timedelta(seconds=heartbeat.SAMPLED_EVERY * heartbeat.MAX_SAMPLES), now),
        errors=errors[:ERRORS],
    )


def may_look(user: Any) -> bool:
    """Whether a user may read the page and its stream."""
    return bool(user.is_active and user.is_staff and user.has_perm(PERMISSION))


def operators_plan(request: ASGIRequest, kwargs: Mapping[str, Any]) -> Plan:
    """Plans the stream of the operators' page."""
    assert isinstance(request.user, AbstractBaseUser)
    if not may_look(request.user):
        raise Refused(403, "These figures are for operators.")
    pulse = partial(report, request.user.pk, language_of(request))
    return Plan(channels={}, start=log.head(), pulse=pulse, pulse_seconds=heartbeat.EVERY)


def report(user_id: Any, language: str) -> bytes:
    """Returns the figures as an event with HTML for the page; a ping without permission, or without a database."""
    try:
        # No signal closes open streams when a group loses the permission.
        user = get_user_model().objects.filter(pk=user_id).first()
        if user is None or not may_look(user):
            return sse.PING
        shown = overview()
    except DatabaseError:
        return sse.PING
    with translation.override(language):
        html = render_to_string("admin/notifications/serverprocess/figures.html", {"overview": shown})
    return sse.encode(REPORT, json.dumps({"html": html}))
