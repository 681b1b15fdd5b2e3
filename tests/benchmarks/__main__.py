"""Measure this project beside plain django-eventstream: `python -m tests.benchmarks` (`make bench`)."""

import argparse
import os
import resource
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from . import report
from .errors import BenchmarkError
from .goals import figures
from .measures import MEASURES, QUICK, Scale, Visit, Visitor
from .sites import ROOT, SITES, Site

DOCUMENT = ROOT / "docs" / "performance.md"
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
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        try:
            return Benchmark(Path(folder), scale, options).run()
        except BenchmarkError as error:
            print(f"Benchmark failed: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 130


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round with fewer streams")
    parser.add_argument("--rounds", type=int, help=f"how many rounds (default {DEFAULT_ROUNDS})")
    parser.add_argument("--only", nargs="+", choices=[COST, *MEASURES], help="only these measures")
    parser.add_argument("--sites", nargs="+", choices=[make.__name__ for make in SITES], help="only these sites")
    parser.add_argument(
        "--seconds", type=float, default=240, help="begin no round that would end later than this (default 240)"
    )
    parser.add_argument("--write", action="store_true", help=f"write {DOCUMENT.relative_to(ROOT)}")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else DEFAULT_ROUNDS)
    return options


class Benchmark:
    def __init__(self, folder: Path, scale: Scale, options: argparse.Namespace) -> None:
        self.scale = scale
        self.options = options
        self.visitor = Visitor(folder, scale)
        self.sites = [
            make(folder / make.__name__) for make in SITES if make.__name__ in (options.sites or [make.__name__])
        ]
        self.measures = {name: take for name, take in MEASURES.items() if name in (options.only or MEASURES)}
        self.values: dict[str, dict[str, list[float]]] = {site.key: defaultdict(list) for site in self.sites}
        self.notes: dict[str, int] = defaultdict(int)
        self.wrong: list[str] = []
        self.rounds = 0

    def run(self) -> int:
        started, longest = time.monotonic(), 0.0
        load = os.getloadavg()[0]
        if load > BUSY:
            self.notes[f"the machine was busy with something else when the run began: load {load:.1f}"] += 1
        steps = len(self.sites) * (1 + self.options.rounds * len(self.measures))
        with tqdm(total=steps, unit="step", leave=False) as progress:
            for site in self.sites:
                progress.set_description(f"{site.label}: preparing")
                statements = site.prepare(self.scale.many)
                if COST in (self.options.only or [COST]):
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
            for site in self.sites:
                progress.set_description(f"round {self.rounds + 1}, {site.label}: {name}")
                visit = Visit()
                try:
                    take(self.visitor, site, visit)
                except BenchmarkError as error:
                    if site.must_be_right:
                        raise
                    visit.notes.append(f"{name} could not be measured: {error}")
                self.keep(site, visit)
                progress.update()

    def keep(self, site: Site, visit: Visit) -> None:
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
        table = report.rows(figures(self.scale), self.sites, self.values)
        notes = [note if times == 1 else f"{note} ({times} times)" for note, times in self.notes.items()]
        self.show(table, notes)
        if self.wrong:
            print("Benchmark failed: this project did not deliver exactly once and in order:", file=sys.stderr)
            print("\n".join(f"  {wrong}" for wrong in self.wrong), file=sys.stderr)
            return 1
        if self.options.write:
            DOCUMENT.write_text(report.document(table, self.rounds, notes))
            print(f"\nWritten to {DOCUMENT.relative_to(ROOT)}.")
        return 0

    def show(self, table: Sequence[Sequence[str]], notes: Sequence[str]) -> None:
        print(report.markdown(table))
        print(f"\n{report.circumstances(self.rounds)}")
        for note in notes:
            print(f"- {note}")


if __name__ == "__main__":
    sys.exit(main())
