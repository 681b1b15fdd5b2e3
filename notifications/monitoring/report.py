"""Reads the reports of server processes, also those of another release: what cannot be read is left out."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from notifications.models import ServerProcess

T = TypeVar("T")
Sample = dict[str, float]


@dataclass(frozen=True, slots=True)
class LoggedError:
    """An error that a process has logged."""

    process: str
    at: datetime
    logger: str
    text: str


@dataclass(frozen=True, slots=True)
class StreamTrace:
    """One stream of a user, as its process reports it; times in seconds since the epoch. had: it has written the event."""

    trace: str
    opened_at: float
    ended_at: float | None
    reason: str
    cursor: int
    position: int
    delivered: int
    had: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """An answer to a delivery trace: the user's streams in the process, and when it wrote the event (None: unknown)."""

    user: str
    position: int
    fanned_out_at: float | None
    streams: list[StreamTrace]


@dataclass(frozen=True, slots=True)
class Report:
    """A process's last report. now: the latest sample; history: older ones; samples have their time as `at`."""

    now: Sample
    counts: Sample
    history: list[Sample]
    errors: list[LoggedError]
    findings: list[Finding]

    @property
    def samples(self) -> list[Sample]:
        """All samples, the latest one last."""
        return [each for each in (*self.history, self.now) if "at" in each]


def report_of(process: ServerProcess) -> Report:
    """Returns the report in a process's row; never raises."""
    figures = process.figures if isinstance(process.figures, dict) else {}
    return Report(
        now=_numbers(figures.get("now")),
        counts=_numbers(figures.get("counts")),
        history=list(_readable(figures.get("history"), _numbers)),
        errors=list(_readable(figures.get("errors"), partial(_error, process.name))),
        findings=list(_readable(figures.get("findings"), _finding)),
    )


def _readable(items: Any, read: Callable[[Any], T]) -> Iterator[T]:
    for item in items if isinstance(items, list) else ():
        try:
            yield read(item)
        except (AttributeError, KeyError, TypeError, ValueError):
            continue


def _numbers(values: Any) -> Sample:
    items = values.items() if isinstance(values, dict) else ()
    return {name: value for name, value in items if isinstance(value, int | float)}


def _error(process: str, item: Any) -> LoggedError:
    return LoggedError(process, datetime.fromisoformat(item["at"]), str(item["logger"]), str(item["text"]))


def _finding(item: Any) -> Finding:
    return Finding(
        user=str(item["user"]),
        position=int(item["position"]),
        fanned_out_at=_time(item["fanned_out_at"]),
        streams=list(_readable(item["streams"], _stream)),
    )


def _stream(item: Any) -> StreamTrace:
    return StreamTrace(
        trace=str(item["trace"]),
        opened_at=float(item["opened_at"]),
        ended_at=_time(item["ended_at"]),
        reason=str(item["reason"]),
        cursor=int(item["cursor"]),
        position=int(item["position"]),
        delivered=int(item["delivered"]),
        had=bool(item["had"]),
    )


def _time(value: Any) -> float | None:
    return float(value) if value else None
