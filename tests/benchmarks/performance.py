"""Writes the figures of a run into docs/performance.md, between two marks: the text around them is written by people."""

from collections.abc import Sequence
from pathlib import Path

from . import plot, report
from .errors import BenchmarkError
from .scale import Scale

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "performance.md"
PLOT = ROOT / "docs" / "img" / "delays.svg"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def write(tables: Sequence[report.Table], circumstances: str, notes: Sequence[str], picture: str) -> None:
    """Replaces what is between the marks, and the plot."""
    before, begin, rest = DOCUMENT.read_text().partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not (begin and end):
        raise BenchmarkError(f"{DOCUMENT.relative_to(ROOT)} has lost its marks {BEGIN} and {END}")
    parts = ["Written by `make bench`.", circumstances]
    if picture:
        PLOT.parent.mkdir(parents=True, exist_ok=True)
        PLOT.write_text(picture)
        parts.append(f"![p99 from commit to the socket, by number of streams]({PLOT.relative_to(DOCUMENT.parent)})")
    parts += [report.markdown(table) for table in tables if table]
    if notes:
        parts.append("Of note in this run:\n\n" + "\n".join(f"- {note}" for note in notes))
    DOCUMENT.write_text("\n\n".join([before + BEGIN, *parts, END + after]))


def picture(scale: Scale, sites: Sequence[report.Column], values: report.Values) -> str:
    """The p99 of single events of each site; empty where fewer than two numbers of streams were measured."""
    sizes = {"few": scale.few, "many": scale.many, "crowd": scale.crowd, "throng": scale.throng}
    lines = {}
    for site in sites:
        taken = {
            size: sorted(values[site.key][f"{key}_p99_ms"])
            for key, size in sizes.items()
            if values.get(site.key, {}).get(f"{key}_p99_ms")
        }
        if len(taken) > 1:
            lines[site.label] = [(size, rounds[len(rounds) // 2]) for size, rounds in taken.items()]
    if not lines:
        return ""
    return plot.draw("One event to many streams: p99", "open streams", "milliseconds", lines)
