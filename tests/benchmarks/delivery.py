"""Was every event delivered to every stream exactly once and in order, and how late?"""

import itertools
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from .fleet import Received


@dataclass(frozen=True)
class Verdict:
    """Counts of what went wrong; all zero is the only right answer."""

    lost: int
    duplicated: int
    out_of_order: int
    streams_with_duplicates: int
    streams_ended: int
    strays: int
    ids_disagree: int

    @property
    def right(self) -> bool:
        return not any(vars(self).values())

    def __str__(self) -> str:
        wrong = [f"{count} {name.replace('_', ' ')}" for name, count in vars(self).items() if count]
        return ", ".join(wrong) or "exactly once and in order"


def verdict(received: Received, *, streams: int, events: int) -> Verdict:
    """Judge the deliveries of one run of events 0, 1, … to streams 0, 1, …"""
    # By stream: its events with their ids, in the order of their first arrival.
    first: dict[int, dict[int, int]] = defaultdict(dict)
    duplicates: dict[int, int] = defaultdict(int)
    ids_of_event: dict[int, set[int]] = defaultdict(set)
    for delivery in received.deliveries:
        if delivery.sequence in first[delivery.stream]:
            duplicates[delivery.stream] += 1
        first[delivery.stream].setdefault(delivery.sequence, delivery.event_id)
        ids_of_event[delivery.sequence].add(delivery.event_id)
    return Verdict(
        lost=streams * events - sum(map(len, first.values())),
        duplicated=sum(duplicates.values()),
        out_of_order=sum(not (rising(list(got)) and rising(list(got.values()))) for got in first.values()),
        streams_with_duplicates=len(duplicates),
        streams_ended=received.ended,
        strays=received.strays,
        ids_disagree=sum(len(found) > 1 for found in ids_of_event.values()),
    )


def rising(numbers: Sequence[int]) -> bool:
    return all(earlier < later for earlier, later in itertools.pairwise(numbers))


def delays_ms(received: Received, commits: Sequence[int]) -> list[float]:
    """From each commit to each first delivery of it, sorted."""
    first: dict[tuple[int, int], int] = {}
    for delivery in received.deliveries:
        first.setdefault((delivery.stream, delivery.sequence), delivery.received_ns)
    return sorted((came - commits[sequence]) / 1e6 for (_, sequence), came in first.items())


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: a value that was measured, never one between two."""
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
