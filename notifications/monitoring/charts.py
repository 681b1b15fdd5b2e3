"""Plots of the processes' reports: the points of lines in an SVG that the page's template draws."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from notifications.models import ServerProcess
from notifications.monitoring.report import Sample, report_of

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


# The size of a plot, in units of its viewBox.
WIDTH, HEIGHT = 300, 80
# The number of line styles.
STYLES = 6

# Seconds after which a value is not current any more.
RECENT = 15.0

Points = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Line:
    """The line of one process; `points` in the syntax of SVG's polyline."""

    name: str
    style: int
    points: str


@dataclass(frozen=True, slots=True)
class Plot:
    """One quantity of all processes over time, from zero to `top`."""

    title: "StrOrPromise"
    unit: str
    now: float
    top: float
    lines: list[Line]
    width: int = WIDTH
    height: int = HEIGHT


def all_of(rows: Sequence[ServerProcess], start: datetime, end: datetime) -> list[Plot]:
    """Returns the plots of the page."""
    span = start, end
    return [
        plot(_("Open streams"), "", rows, span, value_of("streams"), least=10, total=True),
        plot(_("Events per second"), "", rows, span, rate_of("position"), least=1),
        plot(_("Deliveries per second"), "", rows, span, rate_of("deliveries"), least=10, total=True),
        plot(_("Median delay"), "ms", rows, span, value_of("p50", 1000), least=10),
        plot(_("Delay of 99 in 100"), "ms", rows, span, value_of("p99", 1000), least=10),
        plot(_("Lag of the tail"), "s", rows, span, value_of("lag"), least=1),
    ]


def plot(
    title: str,
    unit: str,
    rows: Sequence[ServerProcess],
    span: tuple[datetime, datetime],
    read: Callable[[Sequence[Sample]], Points],
    *,
    least: float,
    total: bool = False,
) -> Plot:
    """Returns one plot. least: the lowest value of its top, so that small values look small. total: now is the sum, not the maximum."""
    start, end = (moment.timestamp() for moment in span)
    found = [(row.name, number, read(report_of(row).samples)) for number, row in enumerate(rows)]
    inside = [(name, number, [point for point in points if point[0] >= start]) for name, number, points in found]
    top = round_up(max([least, *(value for _name, _number, points in inside for _at, value in points)]))
    scale = Scale(start, end, top)
    lines = [Line(name, style_of(number), scale.points(points)) for name, number, points in inside if points]
    latest = [points[-1][1] for _name, _number, points in inside if points and end - points[-1][0] < RECENT]
    return Plot(title, unit, sum(latest) if total else max(latest, default=0), top, lines)


def style_of(number: int) -> int:
    """Returns the line style of a process, by its place in the list."""
    return number % STYLES + 1


def value_of(name: str, factor: float = 1) -> Callable[[Sequence[Sample]], Points]:
    """Returns a reader of one quantity; samples without it are left out (no event, no delay)."""
    return lambda samples: [(each["at"], each[name] * factor) for each in samples if name in each]


def rate_of(name: str) -> Callable[[Sequence[Sample]], Points]:
    """Returns a reader of the growth of a count per second."""

    def rates(samples: Sequence[Sample]) -> Iterator[tuple[float, float]]:
        for before, after in pairwise(samples):
            if name in before and name in after and (seconds := after["at"] - before["at"]) > 0:
                yield after["at"], max(0.0, (after[name] - before[name]) / seconds)

    return lambda samples: list(rates(samples))


def round_up(value: float) -> float:
    """Returns the next of 1, 2, 5, 10, 20, 50 …, so that the scale does not change with every sample."""
    step = 1.0
    while step < value:
        for factor in (2, 5, 10):
            if step * factor >= value:
                return step * factor
        step *= 10
    return step


@dataclass(frozen=True, slots=True)
class Scale:
    """Converts seconds and values to the units of the plot."""

    start: float
    end: float
    top: float

    def points(self, points: Iterable[tuple[float, float]]) -> str:
        """Returns the points in the syntax of SVG; zero is at the bottom."""
        across, up = WIDTH / (self.end - self.start), HEIGHT / self.top
        return " ".join(f"{(at - self.start) * across:.1f},{HEIGHT - value * up:.1f}" for at, value in points)
