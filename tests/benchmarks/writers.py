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
    # Events without a position would be numbered by the next append: they are in a database of their own.
    aside, plain = site.aside("writers"), site.aside("inserts")
    aside.migrate()
    plain.migrate()
    for count in (1, visitor.scale.writers):
        name = "writer" if count == 1 else "writers"
        took, per_second = write(aside, count, visitor.scale.writing)
        _took, inserts_per_second = write(plain, count, visitor.scale.writing, plain=True)
        visit.figures[f"{name}_per_second"] = per_second
        visit.figures[f"{name}_p50_ms"] = percentile(took, 50)
        visit.figures[f"{name}_p99_ms"] = percentile(took, 99)
        visit.figures[f"{name}_ratio"] = per_second / inserts_per_second


def write(site: Site, count: int, seconds: float, *, plain: bool = False) -> tuple[list[float], float]:
    """Returns how long each transaction took in ms, the shortest first, and how many there were a second."""
    with ExitStack() as stack:
        processes = [stack.enter_context(Inside(site, "writing")) for _ in range(count)]
        # One event of each beforehand: everything that is made on first use is there, and all begin at the same time.
        for process in processes:
            process.tell("write", writer=0, seconds=0.01, plain=plain)
        for process in processes:
            process.answer(START_SECONDS)
        before = processes[0].ask("head", seconds=START_SECONDS)["head"]
        for number, process in enumerate(processes):
            process.tell("write", writer=number, seconds=seconds, plain=plain)
        # On SQLite a writer may wait for the others for as long as its time-out, past the end.
        answers: list[dict[str, Any]] = [process.answer(seconds + START_SECONDS) for process in processes]
        written = {str(number): len(answer["took_ms"]) for number, answer in enumerate(answers)}
        if not plain and not processes[0].ask("judge", written=written, after=before, seconds=START_SECONDS)["right"]:
            raise BenchmarkError(f"{site.label}: the log does not hold what {count} writers wrote, once and in order")
    took = sorted(each for answer in answers for each in answer["took_ms"])
    lasted = max(answer["ended_ns"] for answer in answers) - min(answer["begun_ns"] for answer in answers)
    return took, len(took) / lasted * 1e9
