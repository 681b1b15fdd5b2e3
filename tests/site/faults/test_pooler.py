"""A pooler (pgbouncer) that hands on the connections of PostgreSQL by the transaction."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.site.faults.shop import Shop, hears_an_order, on_postgresql, until
from tests.support.services import ROOT, Pooler, PostgresServer, Site
from tests.support.sse import SseClient, login

# Appends in transactions of its own, as fast as it goes.
WRITE = """
from notifications import log
for number in range(100): log.append("a:1", "happened", {"number": number})
"""
WRITERS = 4
JUDGE = """
from notifications import log
from notifications.models import Event
positions = list(Event.objects.filter(channel="a:1").order_by("position").values_list("position", flat=True))
assert log.is_sequenced() and positions == list(range(1, log.head() + 1)), positions
print(len(positions))
"""


@pytest.fixture
def pooled(site: Site, postgres_server: PostgresServer, tmp_path: Path) -> Iterator[Site]:
    """The site without Redis, behind the pooler."""
    yield from behind_pooler(site, postgres_server, tmp_path)


@pytest.fixture
def pooled_demo(demo_site: Site, postgres_server: PostgresServer, tmp_path: Path) -> Iterator[Site]:
    """The demo without Redis, behind the pooler."""
    yield from behind_pooler(demo_site, postgres_server, tmp_path)


def behind_pooler(site: Site, postgres: PostgresServer, folder: Path) -> Iterator[Site]:
    pooler = Pooler(postgres, folder)
    del site.environment["REDIS_URL"]
    site.environment["DATABASE_URL"] = pooler.database_url(site.database_url.rsplit("/", 1)[1])
    try:
        yield site
    finally:
        site.close()
        pooler.close()


@on_postgresql
def test_events_of_many_writers_behind_a_pooler_are_numbered_without_a_gap(pooled: Site):
    command = [sys.executable, "manage.py", "shell", "--no-imports", "--command", WRITE]
    environment = {**os.environ, **pooled.environment}
    writers = [subprocess.Popen(command, cwd=ROOT, env=environment) for _ in range(WRITERS)]
    assert [writer.wait(60) for writer in writers] == [0] * WRITERS
    assert pooled.manage("shell", "--no-imports", "--command", JUDGE).stdout.strip() == str(WRITERS * 100)


@on_postgresql
def test_where_a_pooler_swallows_notifications_processes_poll_and_the_check_says_so(pooled_demo: Site, shop: Shop):
    found = pooled_demo.manage("check", "--database", "default")
    assert "notifications.W016" in found.stderr
    server = pooled_demo.serve()
    client = login(server.url, "seller")
    with SseClient(f"{server.url}/events/", cookies=client.cookies) as stream:
        hears_an_order(shop, stream)
        until(lambda: "wake-ups: degraded" in client.get("/readyz").text, 20, "nobody says that processes poll")
        hears_an_order(shop, stream)
        assert not stream.closed
    assert "Traceback" not in server.log()


@on_postgresql
def test_without_a_pooler_the_check_finds_nothing_and_processes_wake_each_other(demo_site: Site, shop: Shop):
    del demo_site.environment["REDIS_URL"]
    found = demo_site.manage("check", "--database", "default")
    assert "notifications.W016" not in found.stderr
    server = demo_site.serve()
    client = login(server.url, "seller")
    with SseClient(f"{server.url}/events/", cookies=client.cookies) as stream:
        until(lambda: "wake-ups: ok" in client.get("/readyz").text, 20, "wake-ups do not arrive")
        hears_an_order(shop, stream)
