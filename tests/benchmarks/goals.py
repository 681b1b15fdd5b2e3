"""The figures of the report: what each is called, how rounds are put together, and what it has to reach."""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .measures import Scale


@dataclass(frozen=True)
class Figure:
    key: str
    label: str
    unit: str = ""
    # At most this, or at least this; none: shown without a goal.
    at_most: float | None = None
    at_least: float | None = None
    together: Callable[[Sequence[float]], float] = statistics.median
    digits: int = 1

    @property
    def goal(self) -> str:
        if self.at_most is not None:
            return f"≤ {self.at_most:,g}" if self.at_most else "0"
        return "" if self.at_least is None else f"≥ {self.at_least:,g}"

    def met(self, value: float) -> bool | None:
        """Whether the goal is met; none where there is no goal. A figure that could not be taken meets nothing."""
        if self.at_most is not None:
            return value <= self.at_most
        return None if self.at_least is None else value >= self.at_least

    def show(self, value: float) -> str:
        if math.isnan(value):
            return "–"
        return f"{value:,.{self.digits}f}{f' {self.unit}' if self.unit else ''}"


def figures(scale: Scale) -> list[Figure]:
    few, many = f"one event, {scale.few} streams", f"one event, {scale.many:,} streams"
    burst = f"{scale.burst_events} events at once, {scale.many:,} streams"
    return [
        Figure("few_p50_ms", f"{few}: commit to bytes, p50", "ms"),
        Figure("few_p99_ms", f"{few}: commit to bytes, p99", "ms", at_most=50),
        Figure("few_max_ms", f"{few}: commit to bytes, slowest", "ms", together=max),
        Figure("many_p50_ms", f"{many}: commit to bytes, p50", "ms"),
        Figure("many_p99_ms", f"{many}: commit to bytes, p99", "ms"),
        Figure("burst_p50_ms", f"{burst}: commit to bytes, p50", "ms"),
        Figure("burst_p99_ms", f"{burst}: commit to bytes, p99", "ms"),
        Figure("burst_per_second", f"{burst}: deliveries per second", digits=0),
        Figure("burst_cpu_us", f"{burst}: server's processor time per delivery", "µs", digits=0),
        Figure("lost", "events lost, all runs", at_most=0, together=sum, digits=0),
        Figure("duplicated", "events delivered twice, all runs", at_most=0, together=sum, digits=0),
        Figure("out_of_order", "streams out of order, all runs", at_most=0, together=sum, digits=0),
        Figure("stream_kb", "memory per idle stream", "KB", at_most=25),
        Figure("streams", f"streams held, of {scale.many:,}", at_least=scale.many, together=min, digits=0),
        Figure("threads_more", f"threads more with {scale.more} streams", at_most=8, together=max, digits=0),
        Figure(
            "connections_more",
            f"database connections more with {scale.more} streams",
            at_most=0,
            together=max,
            digits=0,
        ),
        Figure("opens_per_second", "authenticated opens per second", digits=0),
        Figure("statements", "statements to write and sequence one event", at_most=6, digits=0),
    ]
