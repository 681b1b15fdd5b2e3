"""The bounded torture run; `make torture` is the long one."""

import os
import random

import pytest

from tests.support.services import POSTGRESQL, SQLITE, Site
from tests.torture.plan import Plan
from tests.torture.run import torture
from tests.torture.verdict import Verdict

# On a busy machine the servers take long to start again.
pytestmark = pytest.mark.timeout(300)
SEED = int(os.environ.get("TORTURE_SEED") or random.randrange(10**6))


def judged(verdict: Verdict) -> None:
    print("\n".join(verdict.lines()))  # noqa: T201
    assert not verdict.problems, "\n".join(verdict.lines())
    assert verdict.deliveries >= verdict.plan.deliveries
    assert verdict.inboxes == verdict.plan.readers * 3 // 4


@pytest.mark.parametrize("engine", [SQLITE], indirect=True)
def test_nothing_is_lost_twice_or_out_of_order_on_sqlite(site: Site):
    plan = Plan(
        SEED, deliveries=6000, servers=1, workers=2, processes=2, threads=2, kills=2, commit_delay=0.01, pause=0.1
    )
    judged(torture(plan, site))


@pytest.mark.parametrize("engine", [POSTGRESQL], indirect=True)
def test_nothing_is_lost_twice_or_out_of_order_on_postgresql_and_redis(site: Site, postgres_server, redis_server):
    plan = Plan(SEED, deliveries=10_000, servers=2, kills=2, redis_outages=1, postgres_outages=1, sequencer_kills=1)
    judged(torture(plan, site, postgres_server, redis_server))
