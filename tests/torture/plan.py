"""What a torture run does, all of it drawn from one seed."""

import random
from dataclasses import dataclass
from typing import NamedTuple

KILL, DRAIN, REDIS, POSTGRES_CRASH, POSTGRES_RESTART = "kill", "drain", "redis", "postgres crash", "postgres restart"
SEQUENCERS = "sequencers"


class Fault(NamedTuple):
    """`at`: the share of the deliveries after which it comes. server: which one, where it is one. away: seconds."""

    at: float
    kind: str
    server: int
    away: float


@dataclass(frozen=True)
class Plan:
    """The size of a run. What is random in it hangs on `seed`; when it happens hangs on the machine."""

    seed: int
    deliveries: int
    readers: int = 24
    servers: int = 3
    # Workers of each server; with several, kills are of single workers.
    workers: int = 1
    processes: int = 2
    threads: int = 3
    kills: int = 3
    drains: int = 1
    redis_outages: int = 0
    postgres_outages: int = 0
    # Times at which the server's processes that number events are ended in the middle.
    sequencer_kills: int = 0
    # Longest outage of a service, in seconds.
    outage: float = 2.0
    # Longest pause of a writer before its commit; SQLite holds everybody else up meanwhile.
    commit_delay: float = 0.05
    # Longest pause of a writer between two transactions.
    pause: float = 0.05
    # Longest pause between two requests for a page.
    poll_pause: float = 0.5
    # Bytes that a reader takes on average before it drops the connection.
    patience: int = 40_000
    # Whether each fault waits until every reader has a stream, as whoever restarts servers in turn does.
    orderly: bool = False
    # Longest that a reader stays away, in seconds, whatever `retry:` says.
    longest_pause: float = 0.5

    def faults(self) -> list[Fault]:
        """The faults, in their order."""
        chance = random.Random(f"{self.seed} faults")
        crashes = [POSTGRES_CRASH if number % 2 == 0 else POSTGRES_RESTART for number in range(self.postgres_outages)]
        kinds = [KILL] * self.kills + [DRAIN] * self.drains + [REDIS] * self.redis_outages + crashes
        kinds += [SEQUENCERS] * self.sequencer_kills
        chance.shuffle(kinds)
        return [
            Fault(
                at=(number + chance.random()) / (len(kinds) + 1),
                kind=kind,
                # Drains alone are a rolling restart.
                server=chance.randrange(self.servers) if self.kills else number % self.servers,
                away=chance.uniform(0.2, self.outage),
            )
            for number, kind in enumerate(kinds)
        ]
