"""What is measured on one site, each group of measures on a server process of its own, so that none inherits another's."""

import itertools
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from . import processes
from .delivery import Verdict, delays_ms, percentile, verdict
from .errors import BenchmarkError
from .fleet import WINDOW, Fleet, Received
from .payments import pay
from .peers import Peer
from .scale import Scale
from .sites import Site

AnySite = Site | Peer


class AnyServer(Protocol):
    """What serves streams: a process of a site or of a peer, or several of them."""

    @property
    def site(self) -> AnySite: ...
    @property
    def pid(self) -> int: ...
    @property
    def ports(self) -> list[int]: ...
    def publish(self, *, run: int, first: int, count: int, together: bool = ...) -> list[int]: ...
    def usage(self) -> processes.Usage: ...


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

    def few(self, site: AnySite, visit: Visit) -> None:
        """Delay of single events with few streams; threads and database connections with some more."""
        with site.serving() as server, Fleet(self.folder) as fleet:
            fresh = server.usage()
            before = self.warm_up(server, fleet)
            alone = self.publishing_cost(server)
            self.open(server, fleet, self.scale.few, visit)
            self.single_events(
                server, fleet, visit, "few", self.scale.few_events, pause=self.scale.few_pause, alone=alone
            )
            self.open(server, fleet, self.scale.more - self.scale.few, visit)
            after = processes.settled(server.usage, seconds=3)
            # Threads that the first stream starts count as the streams'. A connection that it makes and that stays, however
            # many follow, is the log reader's: connections are counted from when it was there.
            visit.figures["threads_more"] = after.threads - fresh.threads
            visit.figures["connections_more"] = after.database_connections - before.database_connections
            fleet.close()

    def many(self, site: AnySite, visit: Visit) -> None:
        """Opening many streams, what they cost while nothing happens, and a burst of events to all of them."""
        with site.serving() as server, Fleet(self.folder) as fleet:
            before = self.warm_up(server, fleet)
            alone = self.publishing_cost(server)
            worked = processes.cpu_seconds(server.pid)
            visit.figures["opens_per_second"] = self.open(server, fleet, self.scale.many, visit)
            visit.figures["open_cpu_ms"] = (processes.cpu_seconds(server.pid) - worked) * 1e3 / fleet.streams
            after = processes.settled(server.usage, seconds=4)
            visit.figures["streams"] = fleet.streams
            visit.figures["stream_kb"] = (after.resident_kb - before.resident_kb) / fleet.streams
            self.single_events(
                server, fleet, visit, "many", self.scale.many_events, pause=self.scale.many_pause, alone=alone
            )
            self.burst(server, fleet, visit, "burst", together=False)
            time.sleep(1)
            self.burst(server, fleet, visit, "batch", together=True)
            fleet.close()

    def burst(self, server: AnyServer, fleet: Fleet, visit: Visit, name: str, *, together: bool) -> None:
        """Many events in a row; together: in one transaction, where the site knows transactions."""
        worked = processes.cpu_seconds(server.pid)
        received, commits = self.send(server, fleet, visit, name, self.scale.burst_events, together=together)
        worked = processes.cpu_seconds(server.pid) - worked
        self.note_delays(visit, name, received, commits)
        deliveries = received.deliveries
        if deliveries:
            took = (max(delivery.received_ns for delivery in deliveries) - commits[0]) / 1e9
            visit.figures[f"{name}_per_second"] = len(deliveries) / took
            visit.figures[f"{name}_cpu_us"] = worked * 1e6 / len(deliveries)
            if received.reading_seconds > 0.8 * took:
                visit.notes.append(
                    f"{name}: the load client itself was busy {received.reading_seconds / took:.0%} of it"
                )

    def payments(self, site: AnySite, visit: Visit) -> None:
        """Signed callbacks of distinct orders, and how soon their buyers' pages are finished."""
        assert isinstance(site, Site)
        pay(site, self.scale, self.folder, visit.figures, visit.notes)

    def publishing_cost(self, server: AnyServer) -> float:
        """Processor seconds for one event that nobody hears: what publishing alone takes."""
        run, events = next(self.runs), 100
        before = processes.cpu_seconds(server.pid)
        for sequence in range(events):
            server.publish(run=run, first=sequence, count=1)
        time.sleep(0.2)
        return (processes.cpu_seconds(server.pid) - before) / events

    def single_events(
        self, server: AnyServer, fleet: Fleet, visit: Visit, name: str, events: int, *, pause: float, alone: float
    ) -> None:
        worked = processes.cpu_seconds(server.pid)
        received, commits = self.send(server, fleet, visit, name, events, pause=pause)
        worked = processes.cpu_seconds(server.pid) - worked - alone * events
        self.note_delays(visit, name, received, commits)
        if received.deliveries:
            visit.figures[f"{name}_cpu_us"] = max(0.0, worked) * 1e6 / len(received.deliveries)

    def warm_up(self, server: AnyServer, fleet: Fleet) -> processes.Usage:
        """Everything that is loaded or made on first use is there before anything is counted."""
        visit = Visit()
        self.open(server, fleet, 10, visit)
        self.send(server, fleet, visit, "warm-up", 3)
        fleet.close()
        return processes.settled(server.usage, seconds=5)

    def open(
        self,
        server: AnyServer,
        fleet: Fleet,
        count: int,
        visit: Visit,
        *,
        seconds: float | None = None,
        window: int = WINDOW,
        last_id: str = "",
        name: str = "streams",
    ) -> float:
        site, seconds = server.site, seconds or self.scale.opening
        opened = fleet.open(
            ports=server.ports,
            path=site.stream_path,
            cookies=site.cookies,
            count=count,
            seconds=seconds,
            window=window,
            last_id=last_id,
        )
        if opened.opened < count:
            why = ", ".join(f"{reason}: {number}" for reason, number in opened.failures.items()) or "none failed"
            visit.notes.append(
                f"{name}: {opened.opened} of {count} opened within {seconds:.0f} s ({why}; {opened.unopened} not begun)"
            )
        if not opened.opened:
            raise BenchmarkError(f"{site.label}: no stream could be opened: {opened.failures}")
        return opened.per_second

    def send(
        self,
        server: AnyServer,
        fleet: Fleet,
        visit: Visit,
        name: str,
        events: int,
        *,
        pause: float = 0.0,
        together: bool = False,
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
            commits = server.publish(run=run, first=0, count=events, together=together)
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
