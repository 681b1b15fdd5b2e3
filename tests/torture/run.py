"""One torture run from its plan to its verdict."""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from psycopg import sql

from tests.support.services import ROOT, PostgresServer, RedisServer, Site
from tests.torture.faults import Faults
from tests.torture.plan import Fault, Plan
from tests.torture.polling import Polls
from tests.torture.readers import Fleet, Reader
from tests.torture.verdict import Verdict, judge, judge_polls

T = TypeVar("T")
WORKER = [sys.executable, "-m", "tests.torture.worker"]
# Once nothing is written and nothing fails any more, readers come on until they have everything: no longer than so many
# seconds may nobody receive anything.
SETTLES_WITHIN = 60.0
# Seconds after which the servers have found PostgreSQL again, and answer every page.
RECOVERS_WITHIN = 3.0


class Writers:
    """The processes that write."""

    def __init__(self, plan: Plan, site: Site) -> None:
        self.processes = []
        self.outputs: list[Path] = []
        for number in range(plan.processes):
            output = site.folder / f"writer-{number}.json"
            with output.open("wb") as stdout, output.with_suffix(".log").open("wb") as stderr:
                process = subprocess.Popen(
                    [*WORKER, "write"],
                    cwd=ROOT,
                    env=site.environment,
                    stdin=subprocess.PIPE,
                    stdout=stdout,
                    stderr=stderr,
                )
            task = {
                "process": number,
                "processes": plan.processes,
                "threads": plan.threads,
                "seed": plan.seed,
                "commit_delay": plan.commit_delay,
                "pause": plan.pause,
            }
            assert process.stdin is not None
            process.stdin.write(json.dumps(task).encode() + b"\n")
            process.stdin.flush()
            self.processes.append(process)
            self.outputs.append(output)

    def stop(self) -> list[dict[str, Any]]:
        """Lets them end their transactions, and returns what they did."""
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.close()
        for process, output in zip(self.processes, self.outputs, strict=True):
            assert process.wait(60) == 0, output.with_suffix(".log").read_text()[-4000:]
        return [json.loads(output.read_text()) for output in self.outputs]

    def kill(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()


def ask(site: Site, what: str, **task: Any) -> dict[str, Any]:
    """Has the worker do one thing."""
    done = subprocess.run(
        [*WORKER, what],
        cwd=ROOT,
        env=site.environment,
        input=json.dumps(task) + "\n",
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


def make_durable(database_url: str) -> None:
    """Prepares a test's database for crashes of its server.

    That server commits without waiting for its log, and what such a commit said is lost in a crash. And in a database that
    was copied from a template the sequences count on values that were logged for the template alone.
    """
    with psycopg.connect(database_url, autocommit=True) as connection:
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit TO on").format(name))
        sequences = connection.execute("SELECT schemaname, sequencename, last_value FROM pg_sequences").fetchall()
        for schema, sequence, last in sequences:
            if last is not None:
                connection.execute("SELECT setval(%s::regclass, %s)", [f'"{schema}"."{sequence}"', last])


def torture(
    plan: Plan,
    site: Site,
    postgres: PostgresServer | None = None,
    redis: RedisServer | None = None,
    bar: Any = None,
    front: Callable[[list[int]], int] | None = None,
) -> Verdict:
    """Runs the plan on a migrated, empty site. front: stands before these ports, and returns its own."""
    # How they end is tested too.
    site.forks_servers = False
    if postgres is not None:
        make_durable(site.database_url)
    verdict = Verdict(plan)
    people = ask(site, "prepare", readers=plan.readers, seed=plan.seed)["people"]
    servers = [site.serve(workers=plan.workers) for _ in range(plan.servers)]
    ports = [server.port for server in servers]
    fleet = Fleet(people, [front(ports)] if front else ports, plan)

    def due(fault: Fault) -> bool:
        return fleet.deliveries >= fault.at * plan.deliveries and (not plan.orderly or fleet.all_served())

    faults = Faults(plan.faults(), due, site, servers, postgres, redis, plan.workers)
    polls = Polls(people, ports, plan, lambda since: faults.back_at + RECOVERS_WITHIN < since)
    began = time.monotonic()
    writers = Writers(plan, site)
    try:
        faults.start()
        polls.start()
        while faults.is_alive() or fleet.deliveries < plan.deliveries:
            shown = fleet.deliveries
            fleet.serve(0.2)
            if bar is not None:
                bar.update(fleet.deliveries - shown)
            if faults.error is not None:
                raise faults.error
        claims = meanwhile(fleet, writers.stop)
        for claim in claims:
            verdict.written += Counter(claim["counts"])
        settle(fleet, lambda reader: reader.began_at >= 0)
        readers = [
            {"user": reader.user, "began_at": reader.began_at, "order": reader.order} for reader in fleet.readers
        ]
        orders = [int(number) for claim in claims for number in claim["declined"]]
        truth = meanwhile(fleet, partial(ask, site, "truth", people=readers, orders=orders))
        lasts = {(found["user"], found["order"]): max(found["positions"], default=0) for found in truth["people"]}
        settle(fleet, lambda reader: reader.last >= lasts[reader.user, reader.order])
        meanwhile(fleet, polls.stop)
        verdict.seconds = time.monotonic() - began
        judge(verdict, fleet, truth, claims)
        judge_polls(verdict, polls)
    finally:
        faults.stopped = True
        writers.kill()
        polls.stop()
        faults.join(60)
        fleet.close()
    verdict.read, verdict.faults, verdict.longest_away = fleet.counts, faults.counts, fleet.longest_away
    return verdict


def meanwhile(fleet: Fleet, function: Callable[[], T]) -> T:
    """Returns what the function returns, which is waited for; readers that are not served would count as stuck."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        running = thread.submit(function)
        while not running.done():
            fleet.serve(0.1)
    return running.result()


def settle(fleet: Fleet, is_settled: Callable[[Reader], bool]) -> None:
    """Serves the readers until that holds for each, or nothing comes any more."""
    deliveries, until = -1, 0.0
    while not all(map(is_settled, fleet.readers)):
        if fleet.deliveries > deliveries:
            deliveries, until = fleet.deliveries, time.monotonic() + SETTLES_WITHIN
        if time.monotonic() > until:
            return
        fleet.serve(0.2)
