"""The figures of the report: what each is called, how rounds are put together, and what it has to reach."""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .scale import Scale

# Whose figures relative goals are measured against.
RIVAL = "nchan"


@dataclass(frozen=True)
class Figure:
    key: str
    label: str
    unit: str = ""
    # At most this, or at least this; none: shown without a goal.
    at_most: float | None = None
    at_least: float | None = None
    # Whether the goal is a multiple of the rival's figure.
    relative: bool = False
    together: Callable[[Sequence[float]], float] = statistics.median
    digits: int = 1

    @property
    def goal(self) -> str:
        of = " × nchan" if self.relative else ""
        if self.at_most is not None:
            return f"≤ {self.at_most:,g}{of}" if self.at_most else "0"
        return "" if self.at_least is None else f"≥ {self.at_least:,g}{of}"

    def met(self, value: float, rival: float = math.nan) -> bool | None:
        """Whether the goal is met; none where there is none, or nobody to compare with.

        A figure that could not be taken meets nothing.
        """
        if self.relative:
            if math.isnan(rival) or not rival:
                return None
            value /= rival
        if self.at_most is not None:
            return value <= self.at_most
        return None if self.at_least is None else value >= self.at_least

    def show(self, value: float) -> str:
        if math.isnan(value):
            return "–"
        return f"{value:,.{self.digits}f}{f' {self.unit}' if self.unit else ''}"


def single(key: str, streams: int, *, at_most: float | None = None, relative: bool = False) -> list[Figure]:
    what = f"one event, {streams:,} streams"
    return [
        Figure(f"{key}_p50_ms", f"{what}: p50", "ms"),
        Figure(f"{key}_p99_ms", f"{what}: p99", "ms", at_most=at_most, relative=relative),
        Figure(f"{key}_max_ms", f"{what}: slowest", "ms", together=max),
        Figure(f"{key}_cpu_us", f"{what}: processor time per delivery", "µs", digits=0),
    ]


def together(key: str, what: str) -> list[Figure]:
    return [
        Figure(f"{key}_p99_ms", f"{what}: p99", "ms"),
        Figure(f"{key}_per_second", f"{what}: deliveries per second", at_least=2, relative=True, digits=0),
        Figure(f"{key}_cpu_us", f"{what}: processor time per delivery", "µs", digits=0),
    ]


def figures(scale: Scale) -> list[Figure]:
    storm = f"{scale.storm:,} readers back, {scale.missed_events} events each"
    return [
        *single("few", scale.few, at_most=20),
        *single("many", scale.many, at_most=1, relative=True),
        *single("crowd", scale.crowd, at_most=1, relative=True),
        *single("throng", scale.throng),
        *together("burst", f"{scale.burst_events} events in a row, {scale.many:,} streams"),
        *together("batch", f"{scale.burst_events} events of one transaction, {scale.many:,} streams"),
        Figure("lost", "events lost, all runs", at_most=0, together=sum, digits=0),
        Figure("duplicated", "events delivered twice, all runs", at_most=0, together=sum, digits=0),
        Figure("out_of_order", "streams out of order, all runs", at_most=0, together=sum, digits=0),
        Figure("opens_per_second", "opens per second", at_least=1000, digits=0),
        Figure("open_cpu_ms", "processor time per open", "ms", digits=2),
        Figure("crowd_opens_per_second", f"opens per second, up to {scale.crowd:,}", digits=0),
        Figure("storm_seconds", f"{storm}: until the last has all", "s", at_most=6),
        Figure("storm_cpu_ms", f"{storm}: processor time per reader", "ms", digits=2),
        Figure("stream_kb", f"memory per idle stream, of {scale.many:,}", "KB", at_most=12),
        Figure("crowd_stream_kb", f"memory per idle stream, of {scale.crowd:,}", "KB", at_most=12),
        Figure("streams", f"streams held, of {scale.many:,}", at_least=scale.many, together=min, digits=0),
        Figure("threads_more", f"threads more with {scale.more} streams", at_most=8, together=max, digits=0),
        Figure(
            "connections_more",
            f"database connections more with {scale.more} streams",
            at_most=0,
            together=max,
            digits=0,
        ),
        Figure("statements", "statements to write and sequence one event", at_most=6, digits=0),
    ]


def payment_figures(scale: Scale) -> list[Figure]:
    return [
        Figure("callbacks_per_second", "signed callbacks per second, distinct orders", at_least=300, digits=0),
        Figure("callbacks_p99_ms", f"their answer, {scale.connections} on their way at a time: p99", "ms"),
        Figure("callback_cpu_ms", "processor time of the server per callback", "ms", digits=2),
        Figure("callback_errors", "callbacks not answered `success`", at_most=0, together=sum, digits=0),
        Figure("finish_p50_ms", f"commit to `finish`, {scale.callbacks_per_second:g} callbacks per second: p50", "ms"),
        Figure(
            "finish_p99_ms",
            f"commit to `finish`, {scale.callbacks_per_second:g} callbacks per second: p99",
            "ms",
            at_most=50,
        ),
        Figure("pages_unfinished", "payment pages not finished", at_most=0, together=sum, digits=0),
    ]
