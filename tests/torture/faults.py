"""What goes wrong during a torture run, on a thread of its own."""

import math
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psycopg

from tests.support.services import PostgresServer, RedisServer, ServeProcess, Site
from tests.torture import plan
from tests.torture.plan import Fault

# Ends what numbers events at this moment, between any two statements of the procedure.
END_SEQUENCERS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE state = 'active' AND query LIKE 'CALL notifications_number_events%'
"""
ENDING_SECONDS = 0.5
# Seconds after which all workers of a server that answers do serve.
SERVES_WITHIN = 4.0


def end_sequencers(database_url: str) -> int:
    """Ends sequencers for half a second; returns how many."""
    ended, deadline = 0, time.monotonic() + ENDING_SECONDS
    with psycopg.connect(database_url, autocommit=True) as connection:
        while time.monotonic() < deadline:
            [count] = connection.execute(END_SEQUENCERS).fetchone() or [0]
            ended += count
    return ended


def children(pid: int) -> list[int]:
    """Returns the child processes of a process."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Faults(threading.Thread):
    """Goes through the planned faults as the run proceeds; never two at a time."""

    def __init__(
        self,
        faults: list[Fault],
        due: Callable[[Fault], bool],
        site: Site,
        servers: list[ServeProcess],
        postgres: PostgresServer | None,
        redis: RedisServer | None,
        workers: int = 1,
    ) -> None:
        super().__init__(daemon=True)
        self.faults = faults
        self.due = due
        self.site, self.servers, self.postgres, self.redis = site, servers, postgres, redis
        self.workers = workers
        self.counts: Counter[str] = Counter()
        self.error: BaseException | None = None
        # When PostgreSQL was last back, as time.monotonic(); infinite while it is away.
        self.back_at = 0.0
        self.stopped = False

    def run(self) -> None:
        try:
            for fault in self.faults:
                while not self.due(fault) and not self.stopped:
                    time.sleep(0.05)
                if self.stopped:
                    return
                self.strike(fault)
                self.counts[fault.kind] += 1
        except BaseException as error:
            self.error = error

    def strike(self, fault: Fault) -> None:
        """Makes it happen, waits, and mends it."""
        if fault.kind in (plan.KILL, plan.DRAIN):
            server = self.servers[fault.server]
            if fault.kind == plan.KILL and self.workers > 1:
                # Its parent starts another one; a server of which a worker ends before it has ever served gives up.
                time.sleep(SERVES_WITHIN)
                workers = children(server.pid)
                os.kill(workers[int(fault.away * 1000) % len(workers)], signal.SIGKILL)
                return
            if fault.kind == plan.KILL:
                server.kill()
            else:
                assert server.terminate() == 0, server.log()[-2000:]
            time.sleep(fault.away / 2)
            self.servers[fault.server] = self.site.serve(server.port, workers=self.workers)
        elif fault.kind == plan.REDIS:
            assert self.redis is not None
            self.redis.kill()
            time.sleep(fault.away)
            self.redis.start()
        elif fault.kind == plan.SEQUENCERS:
            self.back_at = math.inf
            self.counts["sequencers ended"] += end_sequencers(self.site.database_url)
            self.back_at = time.monotonic()
        else:
            assert self.postgres is not None
            self.back_at = math.inf
            (self.postgres.kill if fault.kind == plan.POSTGRES_CRASH else self.postgres.stop)()
            time.sleep(fault.away)
            self.postgres.start()
            self.back_at = time.monotonic()
