"""How many streams, events and callbacks each measure takes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    few: int = 100
    more: int = 200
    many: int = 1000
    # With --full alone: they take minutes.
    crowd: int = 5000
    throng: int = 10_000
    storm: int = 5000
    missed_events: int = 10
    # How many readers come back at the same time.
    storm_window: int = 500
    # Signed callbacks: as fast as they are answered, and at a pace at which nothing queues.
    callbacks: int = 1000
    paced: int = 200
    watched: int = 100
    callbacks_per_second: float = 40
    connections: int = 32
    # Single events: how many, and the seconds between them; to many streams one takes longer to arrive everywhere.
    # Enough of them to few streams that the slowest percent is not one event alone.
    few_events: int = 120
    few_pause: float = 0.03
    # Processor time is counted in ticks of 10 ms: fewer events would show the ticks where the figures are compared.
    many_events: int = 15
    many_pause: float = 0.4
    burst_events: int = 20
    # Processes that write at the same time, and for how many seconds.
    writers: int = 8
    writing: float = 5
    # How many follow the authors whose posts are compared, and how many posts of each.
    followers: tuple[int, int, int] = (10, 1000, 1_000_000)
    posts: int = 40
    # Events of the log that an inbox is looked up in, and how often.
    log: int = 1_000_000
    looks: int = 40
    # Streams of each of four servers, and single events to all of them.
    four: int = 250
    four_events: int = 20
    # Bounds in seconds; what was not reached by then is reported as not reached.
    opening: float = 30
    delivering: float = 30
    storming: float = 150


QUICK = Scale(
    many=300,
    few_events=40,
    many_events=5,
    crowd=1000,
    throng=2000,
    storm=500,
    callbacks=200,
    paced=100,
    watched=50,
    writing=1.5,
    followers=(10, 1000, 20_000),
    posts=20,
    log=100_000,
    looks=10,
    four=100,
    four_events=5,
)
