"""What is measured on one site, each group of measures on a server process of its own, so that none inherits another's."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from . import processes
from .delivery import Verdict, delays_ms, percentile, verdict
from .errors import BenchmarkError
from .fleet import Fleet, Received
from .sites import Server, Site


@dataclass(frozen=True)
class Scale:
    few: int = 100
    more: int = 200
    many: int = 1000
    # Single events: how many, and the seconds between them; to many streams one takes longer to arrive everywhere.
    # Enough of them to few streams that the slowest percent is not one event alone.
    few_events: int = 120
    few_pause: float = 0.03
    many_events: int = 5
    many_pause: float = 0.6
    burst_events: int = 20
    # Bounds in seconds; what was not reached by then is reported as not reached.
    opening: float = 30
    delivering: float = 30


QUICK = Scale(many=300, few_events=40, many_events=3)


@dataclass
class Visit:
    """One round on one site: its figures by key, and the verdict on each run of events."""

    figures: dict[str, float] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class Visitor:
    """Runs measures against one site at a time, with a fresh load client for each."""

    def __init__(self, folder: Path, scale: Scale) -> None:
        self.folder = folder
        self.scale = scale
        self.runs = itertools.count(1)

    def few(self, site: Site, visit: Visit) -> None:
        """Delay of single events with few streams; threads and database connections with some more."""
        with site.serving() as server, Fleet(self.folder) as fleet:
            fresh = server.usage()
            before = self.warm_up(server, fleet)
            self.open(server, fleet, self.scale.few, visit)
            received, commits = self.send(
                server, fleet, visit, "few", self.scale.few_events, pause=self.scale.few_pause
            )
            self.note_delays(visit, "few", received, commits)
            self.open(server, fleet, self.scale.more - self.scale.few, visit)
            after = processes.settled(server.usage, seconds=3)
            # Threads that the first stream starts count as the streams'. A connection that it makes and that stays, however
            # many follow, is the log reader's: connections are counted from when it was there.
            visit.figures["threads_more"] = after.threads - fresh.threads
            visit.figures["connections_more"] = after.database_connections - before.database_connections
            fleet.close()

    def many(self, site: Site, visit: Visit) -> None:
        """Opening many streams, what they cost while nothing happens, and a burst of events to all of them."""
        with site.serving() as server, Fleet(self.folder) as fleet:
            before = self.warm_up(server, fleet)
            opened = self.open(server, fleet, self.scale.many, visit)
            visit.figures["opens_per_second"] = opened
            after = processes.settled(server.usage, seconds=4)
            visit.figures["streams"] = fleet.streams
            visit.figures["stream_kb"] = (after.resident_kb - before.resident_kb) / fleet.streams
            received, commits = self.send(
                server, fleet, visit, "many", self.scale.many_events, pause=self.scale.many_pause
            )
            self.note_delays(visit, "many", received, commits)
            worked = processes.cpu_seconds(server.process.pid)
            received, commits = self.send(server, fleet, visit, "burst", self.scale.burst_events)
            worked = processes.cpu_seconds(server.process.pid) - worked
            self.note_delays(visit, "burst", received, commits)
            deliveries = received.deliveries
            if deliveries:
                took = (max(delivery.received_ns for delivery in deliveries) - commits[0]) / 1e9
                visit.figures["burst_per_second"] = len(deliveries) / took
                visit.figures["burst_cpu_us"] = worked * 1e6 / len(deliveries)
                if received.reading_seconds > 0.8 * took:
                    visit.notes.append(
                        f"the load client itself was busy {received.reading_seconds / took:.0%} of the burst"
                    )
            fleet.close()

    def warm_up(self, server: Server, fleet: Fleet) -> processes.Usage:
        """Everything that is loaded or made on first use is there before anything is counted."""
        visit = Visit()
        self.open(server, fleet, 10, visit)
        self.send(server, fleet, visit, "warm-up", 3)
        fleet.close()
        return processes.settled(server.usage, seconds=5)

    def open(self, server: Server, fleet: Fleet, count: int, visit: Visit) -> float:
        site = server.site
        opened = fleet.open(
            port=server.port, path=site.stream_path, cookies=site.cookies, count=count, seconds=self.scale.opening
        )
        if opened.opened < count:
            why = ", ".join(f"{reason}: {number}" for reason, number in opened.failures.items()) or "none failed"
            visit.notes.append(
                f"{opened.opened} of {count} streams opened within {self.scale.opening:.0f} s "
                f"({why}; {opened.unopened} not begun)"
            )
        if not opened.opened:
            raise BenchmarkError(f"{site.label}: no stream could be opened: {opened.failures}")
        return opened.per_second

    def send(
        self, server: Server, fleet: Fleet, visit: Visit, name: str, events: int, *, pause: float = 0.0
    ) -> tuple[Received, list[int]]:
        """Publish so many events, all in one request or one every `pause` seconds; judge what arrives."""
        run = next(self.runs)
        fleet.expect(run=run, events=events, seconds=self.scale.delivering)
        if pause:
            commits = []
            for sequence in range(events):
                commits += server.publish(run=run, first=sequence, count=1)
                time.sleep(pause)
        else:
            commits = server.publish(run=run, first=0, count=events)
        received = fleet.received()
        visit.verdicts[name] = verdict(received, streams=fleet.streams, events=events)
        unexpected = {kind: count for kind, count in received.other_kinds.items() if kind not in {"ping", "keep-alive"}}
        if unexpected:
            visit.notes.append(f"{name}: events of other kinds came: {unexpected}")
        return received, commits

    def note_delays(self, visit: Visit, name: str, received: Received, commits: list[int]) -> None:
        delays = delays_ms(received, commits)
        visit.figures[f"{name}_p50_ms"] = percentile(delays, 50)
        visit.figures[f"{name}_p99_ms"] = percentile(delays, 99)
        visit.figures[f"{name}_max_ms"] = percentile(delays, 100)


# What may be asked for by name, in the order of a round; the cost of one event is counted while a site is prepared.
MEASURES: dict[str, Callable[[Visitor, Site, Visit], None]] = {"few": Visitor.few, "many": Visitor.many}
