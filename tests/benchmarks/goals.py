"""The figures of the report: what each is called, how rounds are put together, and what it has to reach."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
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
    # Whose figure has to reach the goal, where that is not the first site of the table.
    judged: str = ""
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


# In each table that has deliveries in it; by themselves they are no reason to show a site.
VERDICTS = (
    Figure("lost", "events lost, all runs", at_most=0, together=sum, digits=0),
    Figure("duplicated", "events delivered twice, all runs", at_most=0, together=sum, digits=0),
    Figure("out_of_order", "streams out of order, all runs", at_most=0, together=sum, digits=0),
)


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
        Figure(
            "cpu_growth",
            "processor time per delivery, the most of larger numbers ÷ the smallest number's",
            at_most=1.2,
            digits=2,
        ),
        Figure(
            "cpu_spread", "processor time per delivery, most ÷ least of all numbers of streams", at_most=1.2, digits=2
        ),
        *together("burst", f"{scale.burst_events} events in a row, {scale.many:,} streams"),
        *together("batch", f"{scale.burst_events} events of one transaction, {scale.many:,} streams"),
        *VERDICTS,
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
        Figure("single_callback_cpu_ms", "the same, one callback on its way at a time", "ms", at_most=3, digits=2),
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


def flatness(values: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """How processor time per delivery of single events changes with the number of streams; nothing where one was taken."""
    sizes = ("few", "many", "crowd", "throng")
    taken = [statistics.median(rounds) for size in sizes if (rounds := values.get(f"{size}_cpu_us"))]
    if len(taken) < 2 or min(taken) <= 0:
        return {}
    return {"cpu_growth": [max(taken[1:]) / taken[0]], "cpu_spread": [max(taken) / min(taken)]}


def process_figures(scale: Scale) -> list[Figure]:
    elsewhere = f"commit in another process to {scale.few} streams"
    servers = f"4 servers with {scale.four} streams each"
    return [
        Figure("across_p50_ms", f"{elsewhere}, without Redis: p50", "ms"),
        Figure("across_p99_ms", f"{elsewhere}, without Redis: p99", "ms", at_most=20),
        Figure("across_redis_p50_ms", f"{elsewhere}, with Redis: p50", "ms"),
        Figure("across_redis_p99_ms", f"{elsewhere}, with Redis: p99", "ms", at_most=20, judged="redis"),
        Figure("four_p50_ms", f"{servers}, one event to all: p50", "ms"),
        Figure("four_p99_ms", f"{servers}, one event to all: p99", "ms"),
        Figure("four_max_ms", f"{servers}, one event to all: slowest", "ms", together=max),
        Figure(
            "four_burst_per_second", f"{servers}, {scale.burst_events} events in a row: deliveries per second", digits=0
        ),
        *worker_figures(scale),
        Figure("four_opens_per_second", f"{servers}: opens per second together", digits=0),
        Figure("four_streams", f"{servers}: streams held", at_least=4 * scale.four, judged="redis", digits=0),
        *VERDICTS,
    ]


def worker_figures(scale: Scale) -> list[Figure]:
    found = []
    for name, serving in (("one", "1 worker"), ("two", "2 workers")):
        found += [
            Figure(
                f"workers_{name}_opens_per_second", f"{serving}: opens per second, {scale.many:,} streams", digits=0
            ),
            Figure(f"workers_{name}_open_cpu_ms", f"{serving}: processor time per open", "ms", digits=2),
            Figure(f"workers_{name}_p50_ms", f"{serving}: one event, {scale.many:,} streams: p50", "ms"),
            Figure(f"workers_{name}_p99_ms", f"{serving}: one event, {scale.many:,} streams: p99", "ms"),
        ]
    return [
        *found,
        Figure("workers_opens_ratio", "opens per second, 2 workers ÷ 1", at_least=1.6, judged="redis", digits=2),
        Figure("workers_opens_bound", "processor time for the opens, 1 worker ÷ the busier of 2", digits=2),
    ]


def writing_figures(scale: Scale) -> list[Figure]:
    few, some, most = (f"{size:,}" for size in scale.followers)
    found = []
    for key, who in (("writer", "one writer"), ("writers", f"{scale.writers} writers at a time")):
        found += [
            Figure(
                f"{key}_per_second", f"{who}: events appended and sequenced per second, one a transaction", digits=0
            ),
            Figure(
                f"{key}_ratio",
                f"{who}: that ÷ the same rows inserted and committed per second",
                at_least=0.5 if key == "writer" else 0.6,
                judged="postgresql",
                digits=2,
            ),
            Figure(f"{key}_p50_ms", f"{who}: append, commit and sequence: p50", "ms"),
            Figure(f"{key}_p99_ms", f"{who}: append, commit and sequence: p99", "ms"),
        ]
    return [
        *found,
        Figure("post_few_ms", f"a post to {few} followers, saved and sequenced", "ms", digits=2),
        Figure("post_some_ms", f"a post to {some} followers, saved and sequenced", "ms", digits=2),
        Figure("post_most_ms", f"a post to {most} followers, saved and sequenced", "ms", digits=2),
        Figure("post_ratio", f"a post to {most} followers ÷ a post to {few}: time", at_most=1.2, digits=2),
        Figure("post_rows_ratio", f"a post to {most} followers ÷ a post to {few}: rows", at_most=1, digits=2),
        Figure("post_rows", "rows that a post adds, itself among them", digits=0),
        Figure("followers_seconds", f"making {most} followers, as `seed_demo` does", "s", digits=0),
    ]


def inbox_figures(scale: Scale) -> list[Figure]:
    busy = f"1,000 follows, {scale.log:,} events"
    quiet = f"{busy}, the followed silent for the last tenth"
    return [
        Figure("inbox_busy_page_ms", f"{busy}: inbox page, its query", "ms", at_most=10, judged="postgresql"),
        Figure("inbox_busy_count_ms", f"{busy}: unread count", "ms", at_most=2, judged="postgresql"),
        Figure("inbox_busy_whole_ms", f"{busy}: inbox page, whole", "ms", at_most=10, judged="postgresql"),
        Figure("inbox_quiet_page_ms", f"{quiet}: inbox page, its query", "ms"),
        Figure("inbox_quiet_count_ms", f"{quiet}: unread count", "ms"),
        Figure("inbox_quiet_whole_ms", f"{quiet}: inbox page, whole", "ms"),
        Figure("inbox_queries", "queries of an inbox page", at_most=5, judged="postgresql", digits=0),
    ]
