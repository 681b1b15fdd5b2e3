"""Several processes of one site: a writer beside the server, as a management command is, and four servers together."""

import time
from contextlib import ExitStack
from dataclasses import dataclass

from . import processes
from .fleet import WINDOW, Fleet
from .inside import START_SECONDS, Inside
from .measures import AnySite, Visit, Visitor
from .sites import Server, Site

# Serving processes of the measure that has several.
SERVERS = 4


@dataclass(frozen=True)
class Elsewhere:
    """A site whose events are published by another process than the one that serves its streams."""

    server: Server
    writer: Inside

    @property
    def site(self) -> Site:
        return self.server.site

    @property
    def pid(self) -> int:
        return self.server.pid

    @property
    def ports(self) -> list[int]:
        return self.server.ports

    def publish(self, *, run: int, first: int, count: int, together: bool = False, seconds: float = 60) -> list[int]:
        """Publish in the other process; return when each commit was over."""
        assert not together
        commits: list[int] = self.writer.ask("publish", run=run, first=first, count=count, seconds=seconds)["commits"]
        return commits

    def usage(self) -> processes.Usage:
        return self.server.usage()


@dataclass(frozen=True)
class Servers:
    """Several serving processes of one site; the first one publishes."""

    servers: tuple[Server, ...]

    @property
    def site(self) -> Site:
        return self.servers[0].site

    @property
    def pid(self) -> int:
        return self.servers[0].pid

    @property
    def ports(self) -> list[int]:
        return [server.port for server in self.servers]

    def publish(self, *, run: int, first: int, count: int, together: bool = False, seconds: float = 60) -> list[int]:
        """Publish in the first process; return when each commit was over."""
        return self.servers[0].publish(run=run, first=first, count=count, together=together, seconds=seconds)

    def usage(self) -> processes.Usage:
        return self.servers[0].usage()


def across(visitor: Visitor, site: AnySite, visit: Visit) -> None:
    """Delay of single events from another process's commit to the streams of this one."""
    assert isinstance(site, Site)
    scale = visitor.scale
    with site.serving() as server, Inside(site, "writing") as writer, Fleet(visitor.folder) as fleet:
        both = Elsewhere(server, writer)
        writer.ask("head", seconds=START_SECONDS)
        visitor.warm_up(both, fleet)
        visitor.open(both, fleet, scale.few, visit)
        name = "across_redis" if "REDIS_URL" in site.variables else "across"
        received, commits = visitor.send(both, fleet, visit, name, scale.few_events, pause=scale.few_pause)
        visitor.note_delays(visit, name, received, commits)
        fleet.close()


def four(visitor: Visitor, site: AnySite, visit: Visit) -> None:
    """Four serving processes: opening streams on all of them at a time, and one event to all streams."""
    assert isinstance(site, Site)
    scale = visitor.scale
    with ExitStack() as stack:
        servers = Servers(tuple(stack.enter_context(site.serving()) for _ in range(SERVERS)))
        fleet = stack.enter_context(Fleet(visitor.folder))
        visitor.warm_up(servers, fleet)
        visit.figures["four_opens_per_second"] = visitor.open(
            servers, fleet, SERVERS * scale.four, visit, window=SERVERS * WINDOW
        )
        visit.figures["four_streams"] = fleet.streams
        # The machine's own queue of so much opening is not to be in the figures.
        time.sleep(1)
        received, commits = visitor.send(servers, fleet, visit, "four", scale.four_events, pause=scale.many_pause)
        visitor.note_delays(visit, "four", received, commits)
        received, commits = visitor.send(servers, fleet, visit, "four, burst", scale.burst_events)
        if received.deliveries:
            took = (max(delivery.received_ns for delivery in received.deliveries) - commits[0]) / 1e9
            visit.figures["four_burst_per_second"] = len(received.deliveries) / took
        fleet.close()
