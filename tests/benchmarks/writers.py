"""Processes that write to the log together: how many events a second it takes, and how long each transaction."""

from contextlib import ExitStack
from typing import Any

from .delivery import percentile
from .errors import BenchmarkError
from .inside import START_SECONDS, Inside
from .measures import AnySite, Visit, Visitor
from .sites import Site


def writers(visitor: Visitor, site: AnySite, visit: Visit) -> None:
    """One writer, then many at once, with nobody listening."""
    assert isinstance(site, Site)
    aside = site.aside("writers")
    aside.migrate()
    for count in (1, visitor.scale.writers):
        write(aside, count, visitor.scale.writing, visit)


def write(site: Site, count: int, seconds: float, visit: Visit) -> None:
    with ExitStack() as stack:
        processes = [stack.enter_context(Inside(site, "writing")) for _ in range(count)]
        # One event of each beforehand: everything that is made on first use is there, and all begin at the same time.
        for process in processes:
            process.tell("write", writer=0, seconds=0.01)
        for process in processes:
            process.answer(START_SECONDS)
        before = processes[0].ask("head", seconds=START_SECONDS)["head"]
        for number, process in enumerate(processes):
            process.tell("write", writer=number, seconds=seconds)
        # On SQLite a writer may wait for the others for as long as its time-out, past the end.
        answers: list[dict[str, Any]] = [process.answer(seconds + START_SECONDS) for process in processes]
        written = {str(number): len(answer["took_ms"]) for number, answer in enumerate(answers)}
        if not processes[0].ask("judge", written=written, after=before, seconds=START_SECONDS)["right"]:
            raise BenchmarkError(f"{site.label}: the log does not hold what {count} writers wrote, once and in order")
    took = sorted(each for answer in answers for each in answer["took_ms"])
    lasted = max(answer["ended_ns"] for answer in answers) - min(answer["begun_ns"] for answer in answers)
    name = "writer" if count == 1 else "writers"
    visit.figures[f"{name}_per_second"] = len(took) / lasted * 1e9
    visit.figures[f"{name}_p50_ms"] = percentile(took, 50)
    visit.figures[f"{name}_p99_ms"] = percentile(took, 99)
