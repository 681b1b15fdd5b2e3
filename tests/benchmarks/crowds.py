"""Measures of very many streams; they take minutes."""

import time

from . import processes
from .delivery import verdict
from .fleet import Fleet
from .measures import AnySite, Visit, Visitor


def crowd(visitor: Visitor, site: AnySite, visit: Visit) -> None:
    """Single events to very many streams."""
    hold(visitor, site, visit, "crowd", visitor.scale.crowd)


def throng(visitor: Visitor, site: AnySite, visit: Visit) -> None:
    """The same with as many as this machine's descriptors allow."""
    hold(visitor, site, visit, "throng", visitor.scale.throng)


def hold(visitor: Visitor, site: AnySite, visit: Visit, name: str, count: int) -> None:
    with site.serving() as server, Fleet(visitor.folder) as fleet:
        before = visitor.warm_up(server, fleet)
        alone = visitor.publishing_cost(server)
        visit.figures[f"{name}_opens_per_second"] = visitor.open(server, fleet, count, visit, seconds=count / 40)
        after = processes.settled(server.usage, seconds=4)
        visit.figures[f"{name}_stream_kb"] = (after.resident_kb - before.resident_kb) / fleet.streams
        # The machine's own queue of a storm of opening is not to be in the figures.
        time.sleep(1)
        pause = visitor.scale.many_pause * max(1.0, count / 5000)
        visitor.single_events(server, fleet, visit, name, visitor.scale.many_events, pause=pause, alone=alone)
        fleet.close()


def storm(visitor: Visitor, site: AnySite, visit: Visit) -> None:
    """Readers who were away come back all at once, and get what they missed."""
    count, events = visitor.scale.storm, visitor.scale.missed_events
    with site.serving() as server, Fleet(visitor.folder) as fleet:
        visitor.open(server, fleet, 10, Visit())
        before, _commits = visitor.send(server, fleet, Visit(), "warm-up", 3)
        fleet.close()
        run = next(visitor.runs)
        server.publish(run=run, first=0, count=events)
        worked = processes.cpu_seconds(server.pid)
        fleet.expect(run=run, events=events, streams=count, seconds=visitor.scale.storming + 5)
        opened = visitor.open(
            server,
            fleet,
            count,
            visit,
            seconds=visitor.scale.storming,
            window=visitor.scale.storm_window,
            last_id=before.last_id,
            name="storm",
        )
        received = fleet.received()
        visit.figures["storm_opens_per_second"] = opened
        visit.figures["storm_cpu_ms"] = (processes.cpu_seconds(server.pid) - worked) * 1e3 / max(1, fleet.streams)
        # Who was not let in within the time is counted by the note of it, not as lost events.
        visit.verdicts["storm"] = verdict(received, streams=fleet.streams, events=events)
        if fleet.streams == count and received.deliveries:
            last = max(delivery.received_ns for delivery in received.deliveries)
            visit.figures["storm_seconds"] = (last - fleet.begun_ns) / 1e9
        fleet.close()
