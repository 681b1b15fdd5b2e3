"""The metrics of all workers of `serve --workers`, whichever of them is asked."""

import os
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import GC_COLLECTOR, PROCESS_COLLECTOR, REGISTRY, Metric, ProcessCollector
from prometheus_client.multiprocess import MultiProcessCollector

from notifications import metrics

# A file that each worker has as long as it lives: its number is the process's.
LIVE = "gauge_livesum_*.db"
LAG = "notifications_tail_lag_seconds"


class WorkersCollector:
    """Collects what all workers have counted, from their files, and the rest from the registry of this process.

    MultiProcessCollector knows metrics of the library's own types alone. Collectors of other kinds, a site's own among
    them, are asked in this process. What the library says of a process (memory, processor time, garbage) has the
    process's id as a label here: without it, one series would show another process at each scrape.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def collect(self) -> Iterator[Metric]:
        shared = {family.name: family for family in MultiProcessCollector(None, self.folder).collect()}  # type: ignore[no-untyped-call]
        if LAG in shared:
            samples = shared[LAG].samples
            shared[LAG].samples = [each._replace(value=metrics.lag_since(each.value)) for each in samples]
        yield from shared.values()
        own = {family.name: family for family in REGISTRY.collect() if family.name not in shared}
        # A site may have taken either of these collectors out of the registry.
        garbage = [own.pop(family.name) for family in GC_COLLECTOR.collect() if family.name in own]
        process = [own.pop(family.name) for family in PROCESS_COLLECTOR.collect() if family.name in own]
        yield from own.values()
        yield from together({os.getpid(): garbage})
        if process:
            pids = [int(path.stem.rpartition("_")[2]) for path in Path(self.folder).glob(LIVE)]
            yield from together({pid: figures_of(pid) for pid in sorted(pids)})


def figures_of(pid: int) -> list[Metric]:
    """The library's own figures of a process; empty once it has ended."""
    return list(ProcessCollector(pid=lambda: pid, registry=None).collect())


def together(families: dict[int, list[Metric]]) -> Iterator[Metric]:
    """Puts the families of several processes together, by process id: each sample has it as a label."""
    found: dict[str, Metric] = {}
    for pid, of_one in families.items():
        for family in of_one:
            merged = found.setdefault(family.name, Metric(family.name, family.documentation, family.type, family.unit))
            merged.samples += [each._replace(labels={**each.labels, "pid": str(pid)}) for each in family.samples]
    yield from found.values()
