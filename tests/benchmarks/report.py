"""The table: for people in a terminal, and as Markdown in docs/performance.md."""

import math
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version

from .goals import Figure
from .sites import Site

HEADINGS_AFTER_SITES = ("ratio", "goal", "met?")
MET = {True: "yes", False: "no", None: ""}


def rows(
    figures: Sequence[Figure], sites: Sequence[Site], values: Mapping[str, Mapping[str, Sequence[float]]]
) -> list[list[str]]:
    """One row for each figure that was taken; `values` holds every round's value by site and figure."""
    table = [["", *(site.label for site in sites), *HEADINGS_AFTER_SITES]]
    for figure in figures:
        taken = [values[site.key].get(figure.key, ()) for site in sites]
        if not any(taken):
            continue
        together = [figure.together(rounds) if rounds else math.nan for rounds in taken]
        first, *others = together
        table.append(
            [
                figure.label,
                *map(figure.show, together),
                ratio(first, others[0]) if others else "",
                figure.goal,
                MET[figure.met(first)],
            ]
        )
    return table


def ratio(ours: float, other: float) -> str:
    if not other or math.isnan(ours) or math.isnan(other):
        return ""
    return f"{ours / other:,.2f} ×"


def markdown(table: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    heading, *body = (
        "| " + " | ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) + " |" for row in table
    )
    rule = "|" + "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])]) + "|"
    return "\n".join([heading, rule, *body])


def circumstances(rounds: int) -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("django", "channels", "daphne", "django-eventstream"))
    return (
        f"Medians of {rounds} interleaved round{'s' * (rounds != 1)}; worst or sum of all where counts and limits are shown. "
        f"Python {platform.python_version()}, {packages}, SQLite, {os.cpu_count()} processors, "
        "server and load client on the same machine, loopback. Ratio: this project ÷ the other."
    )


def document(table: Sequence[Sequence[str]], rounds: int, notes: Sequence[str]) -> str:
    lines = [
        "# Performance",
        "",
        "Written by `make bench ARGS=--write`; what each figure means is said in `tests/benchmarks/measures.py`.",
        "",
        circumstances(rounds),
        "",
        markdown(table),
    ]
    if notes:
        lines += ["", "Of note in this run:", "", *(f"- {note}" for note in notes)]
    return "\n".join(lines) + "\n"
