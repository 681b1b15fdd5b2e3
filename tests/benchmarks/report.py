"""The tables: for people in a terminal, and as Markdown in docs/performance.md."""

import math
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Protocol

from .goals import RIVAL, VERDICTS, Figure

# Whose figures have goals; a table without one of them first is of peers alone.
HAVE_GOALS = ("project", "postgresql", "redis")
MET = {True: "yes", False: "no", None: ""}
Values = Mapping[str, Mapping[str, Sequence[float]]]
Table = Sequence[Sequence[str]]


class Column(Protocol):
    """A site, as far as a table shows it."""

    @property
    def key(self) -> str: ...
    @property
    def label(self) -> str: ...


def taken(figure: Figure, site: Column, values: Values) -> float:
    rounds = values.get(site.key, {}).get(figure.key, ())
    return figure.together(rounds) if rounds else math.nan


def rows(figures: Sequence[Figure], sites: Sequence[Column], values: Values) -> list[list[str]]:
    """One row for each figure that was taken; `values` holds every round's value by site and figure.

    The first site is the one with goals, where the figure does not name another; its ratio is to the rival, or to the next
    site of others where that was not measured.
    """
    telling = [figure.key for figure in figures if figure not in VERDICTS]
    sites = [site for site in sites if any(values.get(site.key, {}).get(key) for key in telling)]
    if not sites:
        return []
    others = [number for number, site in enumerate(sites) if number and site.key not in HAVE_GOALS]
    other = next((number for number in others if sites[number].key == RIVAL), others[0] if others else None)
    against = "" if other is None else f"÷ {sites[other].label}"
    table = [["", *(site.label for site in sites), *([against] if against else []), "goal", "met?"]]
    for figure in figures:
        together = [taken(figure, site, values) for site in sites]
        if all(map(math.isnan, together)):
            continue
        rival = math.nan if other is None else together[other]
        compared = rival if other is not None and sites[other].key == RIVAL else math.nan
        judged = next((number for number, site in enumerate(sites) if site.key == figure.judged), 0)
        table.append(
            [
                figure.label,
                *map(figure.show, together),
                *([ratio(together[0], rival)] if against else []),
                *(
                    (figure.goal, MET[figure.met(together[judged], compared)])
                    if sites[judged].key in HAVE_GOALS
                    else ("", "")
                ),
            ]
        )
    return table


def ratio(ours: float, other: float) -> str:
    if not other or math.isnan(ours) or math.isnan(other):
        return ""
    return f"{ours / other:,.2f}"


def markdown(table: Table) -> str:
    if not table:
        return ""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    heading, *body = (
        "| " + " | ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) + " |" for row in table
    )
    rule = "|" + "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])]) + "|"
    return "\n".join([heading, rule, *body])


def circumstances(rounds: int, loads: Sequence[float]) -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("django", "channels", "daphne", "django-eventstream"))
    load = f"{min(loads):.1f} to {max(loads):.1f}" if loads else "unknown"
    return (
        f"Medians of {rounds} interleaved round{'s' * (rounds != 1)}; worst or sum of all where counts and limits are shown. "
        f"Python {platform.python_version()}, {packages}, {os.cpu_count()} processors, server and load client on the same "
        f"machine, loopback. Load average when each measure began: {load}; the benchmark's own work keeps it near 1, and "
        "what is above 2 is other work on the machine, which lengthens every time and lowers every rate."
    )
