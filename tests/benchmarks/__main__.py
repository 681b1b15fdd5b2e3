"""Measure this project beside others: `python -m tests.benchmarks` (`make bench`; further: `make bench ARGS=--full`)."""

import argparse
import os
import resource
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tqdm import tqdm

from . import performance, report
from .crowds import crowd, storm, throng
from .errors import BenchmarkError, MissingError
from .followers import followers
from .goals import figures, flatness, inbox_figures, payment_figures, process_figures, writing_figures
from .inboxes import inbox
from .measures import AnySite, Visit, Visitor
from .peers import floor, nchan
from .scale import QUICK, Scale
from .several import SERVERS, across, four
from .sites import (
    plain_eventstream,
    this_project,
    this_project_on_postgresql,
    this_project_on_postgresql_and_redis,
    this_project_on_uvicorn,
)
from .workers import workers
from .writers import writers

# In the order of the table's columns.
SITES: tuple[Callable[[Path, ExitStack], AnySite], ...] = (
    this_project,
    this_project_on_uvicorn,
    nchan,
    floor,
    plain_eventstream,
    this_project_on_postgresql,
    this_project_on_postgresql_and_redis,
)
# What may be asked for by name, in the order of a round; the cost of one event is counted while a site is prepared.
MEASURES: dict[str, Callable[[Visitor, AnySite, Visit], None]] = {
    "few": Visitor.few,
    "many": Visitor.many,
    "payments": Visitor.payments,
    "crowd": crowd,
    "throng": throng,
    "storm": storm,
    "across": across,
    "four": four,
    "workers": workers,
    "writers": writers,
    "followers": followers,
    "inbox": inbox,
}
# Taken with --full, or when asked for by name.
LONG = ("crowd", "throng", "storm", "across", "four", "workers", "writers", "followers", "inbox")
DEFAULT_ROUNDS = 3
COST = "cost"
# Load average past which another program competes with server and client; delays then measure the machine's queue.
BUSY = 0.5


def main() -> int:
    options = parse()
    # Every stream is a descriptor here, in the load client and in the server; children inherit the limit.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    scale = QUICK if options.quick else Scale()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder, ExitStack() as stack:
        try:
            return Benchmark(Path(folder), scale, options, stack).run()
        except BenchmarkError as error:
            print(f"Benchmark failed: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 130


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round with fewer streams")
    parser.add_argument("--rounds", type=int, help=f"how many rounds (default {DEFAULT_ROUNDS})")
    parser.add_argument(
        "--full",
        action="store_true",
        help=f"also {', '.join(LONG)}: up to 10,000 streams, a million rows, for many minutes",
    )
    parser.add_argument("--only", nargs="+", choices=[COST, *MEASURES], help="only these measures")
    parser.add_argument("--sites", nargs="+", choices=[make.__name__ for make in SITES], help="only these sites")
    parser.add_argument(
        "--seconds", type=float, help="begin no round that would end later than this (default 240; with --full 1800)"
    )
    parser.add_argument(
        "--write", action="store_true", help=f"write {performance.DOCUMENT.relative_to(performance.ROOT)}"
    )
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else DEFAULT_ROUNDS)
    options.seconds = options.seconds or (1800 if options.full else 240)
    return options


class Benchmark:
    def __init__(self, folder: Path, scale: Scale, options: argparse.Namespace, stack: ExitStack) -> None:
        self.scale = scale
        self.options = options
        self.visitor = Visitor(folder, scale)
        self.notes: dict[str, int] = defaultdict(int)
        asked = options.only or [name for name in MEASURES if options.full or name not in LONG]
        self.measures = {name: take for name, take in MEASURES.items() if name in asked}
        self.sites = self.made(folder, stack)
        self.values: dict[str, dict[str, list[float]]] = {site.key: defaultdict(list) for site in self.sites}
        self.loads: list[float] = []
        self.wrong: list[str] = []
        self.rounds = 0

    def made(self, folder: Path, stack: ExitStack) -> list[AnySite]:
        sites = []
        for make in SITES:
            if make.__name__ not in (self.options.sites or [make.__name__]):
                continue
            try:
                site = make(folder / make.__name__, stack)
            except MissingError as missing:
                self.notes[str(missing)] += 1
                continue
            if COST in (self.options.only or []) or self.measures.keys() & site.measures:
                sites.append(site)
        return sites

    def most_streams(self, site: AnySite) -> int:
        """How many people open streams at a time in the measures that are taken on a site."""
        scale = self.scale
        sizes = {
            "few": scale.more,
            "crowd": scale.crowd,
            "throng": scale.throng,
            "storm": scale.storm,
            "four": SERVERS * scale.four,
        }
        return max(
            [scale.many, *(size for name, size in sizes.items() if name in self.measures.keys() & site.measures)]
        )

    def run(self) -> int:
        started, longest = time.monotonic(), 0.0
        load = os.getloadavg()[0]
        if load > BUSY:
            self.notes[f"the machine was busy with something else when the run began: load {load:.1f}"] += 1
        short = len(self.measures.keys() - set(LONG))
        steps = len(self.sites) * (1 + len(self.measures) + (self.options.rounds - 1) * short)
        with tqdm(total=steps, unit="step", leave=False) as progress:
            for site in self.sites:
                progress.set_description(f"{site.label}: preparing")
                statements = site.prepare(self.most_streams(site))
                if statements and "few" in site.measures and COST in (self.options.only or [COST]):
                    self.values[site.key]["statements"].append(len(statements))
                progress.update()
            while self.measures and self.rounds < self.options.rounds:
                begun = time.monotonic()
                if self.rounds and begun - started + longest > self.options.seconds:
                    self.notes[f"ended after {self.rounds} of {self.options.rounds} rounds, for want of time"] += 1
                    break
                self.one_round(progress)
                self.rounds += 1
                longest = max(longest, time.monotonic() - begun)
        return self.conclude()

    def one_round(self, progress: "tqdm[None]") -> None:
        for name, take in self.measures.items():
            # The long ones once: their figures stand on thousands of streams as it is.
            if self.rounds and name in LONG:
                continue
            for site in self.sites:
                progress.update()
                if name not in site.measures:
                    continue
                progress.set_description(f"round {self.rounds + 1}, {site.label}: {name}")
                self.loads.append(os.getloadavg()[0])
                visit = Visit()
                try:
                    take(self.visitor, site, visit)
                except BenchmarkError as error:
                    if site.must_be_right:
                        raise
                    visit.notes.append(f"{name} could not be measured: {error}")
                self.keep(site, visit)

    def keep(self, site: AnySite, visit: Visit) -> None:
        values = self.values[site.key]
        for key, value in visit.figures.items():
            values[key].append(value)
        for name, verdict in visit.verdicts.items():
            values["lost"].append(verdict.lost)
            values["duplicated"].append(verdict.duplicated)
            values["out_of_order"].append(verdict.out_of_order)
            if not verdict.right:
                self.notes[f"{site.label}, {name}: {verdict}"] += 1
                if site.must_be_right:
                    self.wrong.append(f"round {self.rounds + 1}, {name}: {verdict}")
        for note in visit.notes:
            self.notes[f"{site.label}: {note}"] += 1

    def conclude(self) -> int:
        for site in self.sites:
            self.values[site.key] |= flatness(self.values[site.key])
        kinds = (figures, payment_figures, process_figures, writing_figures, inbox_figures)
        tables = [report.rows(find(self.scale), self.sites, self.values) for find in kinds]
        notes = [note if times == 1 else f"{note} ({times} times)" for note, times in self.notes.items()]
        circumstances = report.circumstances(self.rounds, self.loads)
        print("\n\n".join(report.markdown(table) for table in tables if table))
        print(f"\n{circumstances}", *(f"- {note}" for note in notes), sep="\n")
        if self.wrong:
            print("Benchmark failed: this project did not deliver exactly once and in order:", file=sys.stderr)
            print("\n".join(f"  {wrong}" for wrong in self.wrong), file=sys.stderr)
            return 1
        if self.options.write:
            picture = performance.picture(self.scale, self.sites, self.values)
            performance.write(tables, circumstances, notes, picture)
            print(f"\nWritten to {performance.DOCUMENT.relative_to(performance.ROOT)}.")
        return 0


if __name__ == "__main__":
    sys.exit(main())
