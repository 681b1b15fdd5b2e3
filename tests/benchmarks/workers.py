"""`serve --workers`: the same opens and single events with one process and with two, in turn."""

import time
from dataclasses import replace
from pathlib import Path

from . import processes
from .errors import BenchmarkError
from .fleet import Fleet
from .measures import AnySite, Visit, Visitor
from .sites import START_SECONDS, Server, Site

# The processors of the machine on which the figures are taken; the load client needs one of them, too.
COUNTS = {"one": 1, "two": 2}
# Opens on their way at a time. A worker opens in one batch what has come while the last batch ran: with 64, each of two workers
# has half the batch of one, and an open costs them half as much again.
ON_THEIR_WAY = 256


def workers(visitor: Visitor, site: AnySite, visit: Visit) -> None:
    """Opening many streams on one and on two workers, and one event to all of them."""
    assert isinstance(site, Site)
    for name, count in COUNTS.items():
        measure(visitor, with_workers(site, count), visit, name, count)
    rates = [visit.figures[f"workers_{name}_opens_per_second"] for name in COUNTS]
    visit.figures["workers_opens_ratio"] = rates[1] / rates[0]
    busiest = [visit.figures[f"workers_{name}_busiest_ms"] for name in COUNTS]
    visit.figures["workers_opens_bound"] = busiest[0] / busiest[1]


def with_workers(site: Site, count: int) -> Site:
    """The same site, served by so many workers."""
    return replace(site, command=lambda port: [*site.command(port), "--workers", str(count)])


def measure(visitor: Visitor, site: Site, visit: Visit, name: str, count: int) -> None:
    scale, begin = visitor.scale, site.log.stat().st_size if site.log.exists() else 0
    with site.serving() as server, Fleet(visitor.folder) as fleet:
        if count > 1:
            wait_for_all(server, begin)
        visitor.warm_up(server, fleet)
        serving = children(server.pid) if count > 1 else [server.pid]
        worked = {pid: processes.cpu_seconds(pid) for pid in serving}
        rate = visitor.open(server, fleet, scale.many, visit, window=ON_THEIR_WAY)
        spent = [processes.cpu_seconds(pid) - before for pid, before in worked.items()]
        visit.figures[f"workers_{name}_opens_per_second"] = rate
        visit.figures[f"workers_{name}_open_cpu_ms"] = sum(spent) * 1e3 / fleet.streams
        visit.figures[f"workers_{name}_busiest_ms"] = max(spent) * 1e3 / fleet.streams
        time.sleep(1)
        received, commits = visitor.send(
            server, fleet, visit, f"workers, {name}", scale.many_events, pause=scale.many_pause
        )
        visitor.note_delays(visit, f"workers_{name}", received, commits)
        fleet.close()


def wait_for_all(server: Server, begin: int) -> None:
    """Returns once all workers serve. begin: where the lines of this server begin in the site's log."""
    deadline = time.monotonic() + START_SECONDS
    while b" workers (" not in server.site.log.read_bytes()[begin:]:
        if time.monotonic() > deadline:
            raise BenchmarkError(f"{server.site.label}: not all workers have started:\n{server.end_of_log()}")
        time.sleep(0.05)


def children(pid: int) -> list[int]:
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
