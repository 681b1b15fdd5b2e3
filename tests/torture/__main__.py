"""The long torture run: `python -m tests.torture`, or `make torture`."""

import argparse
import os
import platform
import random
import re
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tqdm import tqdm

from tests.support.services import POSTGRESQL, ROOT, SQLITE, PostgresServer, RedisServer, Site
from tests.torture.plan import Plan
from tests.torture.run import torture
from tests.torture.verdict import Verdict

# Wake-ups by LISTEN and NOTIFY.
WITHOUT_REDIS = "postgresql"
DOCUMENT = ROOT / "docs" / "torture.md"
MARKS = "<!-- figures of {engine} -->"


def arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--engine", choices=[SQLITE, WITHOUT_REDIS, POSTGRESQL], default=POSTGRESQL)
    parser.add_argument(
        "--seed", type=int, default=random.randrange(10**6), help="the seed of an earlier run, to replay it"
    )
    parser.add_argument("--deliveries", type=int, default=1_000_000, help="go on until readers have received so many")
    parser.add_argument("--readers", type=int, default=300)
    parser.add_argument("--servers", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1, help="workers of each server; kills are then of workers")
    parser.add_argument("--kills", type=int, default=20, help="servers killed with SIGKILL and started again")
    parser.add_argument("--drains", type=int, default=5, help="servers ended with SIGTERM and started again")
    parser.add_argument("--redis-outages", type=int, default=5)
    parser.add_argument("--postgres-outages", type=int, default=3, help="by turns a crash and a shutdown")
    parser.add_argument("--sequencer-kills", type=int, default=10, help="on PostgreSQL: what numbers events is ended")
    parser.add_argument("--outage", type=float, default=8.0, help="seconds that Redis or PostgreSQL is away at most")
    parser.add_argument("--write", action="store_true", help=f"write the figures into {DOCUMENT.relative_to(ROOT)}")
    return parser.parse_args()


def plan_of(given: argparse.Namespace) -> Plan:
    """The plan that was asked for; SQLite has neither service, and writers that stand in line."""
    on_sqlite = given.engine == SQLITE
    return Plan(
        seed=given.seed,
        deliveries=given.deliveries,
        readers=given.readers,
        servers=given.servers,
        workers=given.workers,
        kills=given.kills,
        drains=given.drains,
        redis_outages=given.redis_outages if given.engine == POSTGRESQL else 0,
        postgres_outages=0 if on_sqlite else given.postgres_outages,
        sequencer_kills=0 if on_sqlite else given.sequencer_kills,
        outage=given.outage,
        commit_delay=0.01 if on_sqlite else 0.05,
        poll_pause=0.2,
        patience=200_000,
    )


def run(given: argparse.Namespace, stack: ExitStack) -> Verdict:
    """Sets up what the run needs, and runs it."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="torture-", ignore_cleanup_errors=True)))
    postgres = redis = None
    url = f"sqlite:///{folder / 'site.sqlite3'}"
    if given.engine != SQLITE:
        postgres = PostgresServer()
        stack.callback(postgres.close)
        url = postgres.create_database("torture")
    if given.engine == POSTGRESQL:
        redis = RedisServer(folder)
        stack.callback(redis.stop)
    site = Site(folder, url, redis_url=redis.url if redis else None)
    site.migrate()
    stack.callback(site.close)
    bar = stack.enter_context(tqdm(total=given.deliveries, unit="delivery", unit_scale=True))
    return torture(plan_of(given), site, postgres, redis, bar)


def machine() -> str:
    """What it ran on."""
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    processor = found[1] if found else platform.machine()
    return f"Python {platform.python_version()}, {os.cpu_count()} cores ({processor})"


def write(engine: str, verdict: Verdict) -> None:
    """Puts the figures into the document, in place of the earlier ones of this engine."""
    mark = re.escape(MARKS.format(engine=engine))
    lines = [f"{engine}, {machine()}:", "", "```", *verdict.lines(), "```"]
    section = "\n".join(["", *lines, ""])
    text = DOCUMENT.read_text()
    new, count = re.subn(
        f"({mark}\n).*?({mark})", lambda found: f"{found[1]}{section}\n{found[2]}", text, flags=re.DOTALL
    )
    assert count == 1, f"{DOCUMENT.name} has no place for the figures of {engine}"
    DOCUMENT.write_text(new)


if __name__ == "__main__":
    asked = arguments()
    tqdm.write(f"seed {asked.seed}")
    with ExitStack() as everything:
        found = run(asked, everything)
    tqdm.write("\n".join(found.lines()))
    if asked.write and not found.problems:
        write(asked.engine, found)
    sys.exit(bool(found.problems))
