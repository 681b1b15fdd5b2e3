"""What is away comes back, and until then nobody is failed: Redis, PostgreSQL, a server, a whole rolling restart."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from notifications.log import wakeups
from tests.support.processes import Daemon, free_port, program
from tests.support.services import POSTGRESQL, ROOT, SQLITE, PostgresServer, RedisServer, Site
from tests.support.sse import SseClient, login
from tests.torture.plan import DRAIN, Plan
from tests.torture.run import make_durable, torture

on_postgresql = pytest.mark.parametrize("engine", [POSTGRESQL], indirect=True)


@pytest.fixture
def own_redis(demo_site: Site, tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that the site uses alone, so that it may go."""
    server = RedisServer(tmp_path)
    demo_site.environment["REDIS_URL"] = server.url
    yield server
    server.kill()


def until(condition: Callable[[], Any], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(0.1)


def is_heard(server: RedisServer) -> bool:
    """Whether anybody listens for wake-ups."""
    with redis.Redis.from_url(server.url, socket_timeout=2) as client:
        return any(wakeups.GROUP in name.decode() for name in client.pubsub_channels())


class Shop:
    """A process of its own in which orders are placed, one when asked, as a worker would that outlives every outage."""

    PROGRAM = """
import sys, time
from django.core.management import call_command
from django.db import close_old_connections
for line in sys.stdin:
    began = time.monotonic()
    close_old_connections()
    call_command("place_order")
    close_old_connections()
    print(time.monotonic() - began, flush=True)
"""

    def __init__(self, site: Site) -> None:
        """Starts it, and does not wait for it."""
        self.errors = (site.folder / "shop.log").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "shell", "--no-imports", "--command", self.PROGRAM],
            cwd=ROOT,
            env=site.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )

    def place_an_order(self) -> tuple[str, float]:
        """Returns its number, and how long its save took."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        lines = [line for _ in range(2) if (line := self.process.stdout.readline().strip())]
        assert len(lines) == 2, (Path(self.errors.name)).read_text()
        return lines[0], float(lines[1])

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        self.errors.close()


@pytest.fixture
def shop(demo_site: Site) -> Iterator[Shop]:
    made = Shop(demo_site)
    yield made
    made.close()


def hears_an_order(shop: Shop, client: SseClient, within: float = 10) -> None:
    """Places an order; the save must neither fail nor wait for long, and the stream must tell of it."""
    number, seconds = shop.place_an_order()
    assert seconds < 12
    client.wait_for(lambda event: event.event == "order.placed" and number in event.data, timeout=within)


# Redis


@on_postgresql
def test_redis_gone_at_start_is_polled_around_and_used_when_it_is_there(
    demo_site: Site, own_redis: RedisServer, shop: Shop
):
    own_redis.kill()
    server = demo_site.serve()
    with SseClient(f"{server.url}/events/", cookies=login(server.url, "seller").cookies) as client:
        for _ in range(2):
            hears_an_order(shop, client)
        own_redis.start()
        until(lambda: is_heard(own_redis), 15, "nobody listens for wake-ups again")
        hears_an_order(shop, client)
        assert not client.closed
    assert "Traceback" not in server.log()


@on_postgresql
def test_redis_gone_in_the_middle_is_polled_around_and_used_again(demo_site: Site, own_redis: RedisServer, shop: Shop):
    """Trap 16: eventstream's own listener dies with an outage and never comes back."""
    server = demo_site.serve()
    with SseClient(f"{server.url}/events/", cookies=login(server.url, "seller").cookies) as client:
        until(lambda: is_heard(own_redis), 15, "nobody listens for wake-ups")
        hears_an_order(shop, client)
        own_redis.kill()
        for _ in range(2):
            hears_an_order(shop, client)
        own_redis.start()
        until(lambda: is_heard(own_redis), 15, "nobody listens for wake-ups again")
        hears_an_order(shop, client)
        assert not client.closed
    # Its layer says it once a second, with a traceback each time.
    assert server.log().count("Unexpected exception in receive task") == 1
    assert "Traceback" not in server.log()
    assert server.terminate() == 0


# PostgreSQL


@on_postgresql
@pytest.mark.parametrize("crash", [True, False], ids=["crashed", "shut down"])
def test_streams_stay_open_while_postgresql_restarts(
    demo_site: Site, postgres_server: PostgresServer, shop: Shop, crash: bool
):
    make_durable(demo_site.database_url)
    server = demo_site.serve()
    with SseClient(f"{server.url}/events/", cookies=login(server.url, "seller").cookies) as client:
        hears_an_order(shop, client)
        (postgres_server.kill if crash else postgres_server.stop)()
        until(lambda: "the log cannot be read" in server.log(), 20, "the tail does not miss its database")
        assert not client.closed
        postgres_server.start()
        # Who asks the pool for a connection meanwhile waits for up to 10 s.
        hears_an_order(shop, client, within=40)
        assert not client.closed
    assert server.terminate() == 0


@on_postgresql
def test_a_stream_asked_for_while_postgresql_is_away_is_told_to_come_back(
    demo_site: Site, postgres_server: PostgresServer, shop: Shop
):
    """Trap 22: after a 5xx an EventSource would never ask again."""
    server = demo_site.serve()
    cookies = login(server.url, "seller").cookies
    with SseClient(f"{server.url}/events/", cookies=cookies):
        postgres_server.stop()
        try:
            with SseClient(f"{server.url}/events/", cookies=cookies, timeout=40) as client:
                assert client.status == 200
                client.wait_closed()
                assert [event.event for event in client.events] == ["bye"]
                assert client.retry is not None
                assert client.retry >= 1000
        finally:
            postgres_server.start()
    with SseClient(f"{server.url}/events/", cookies=cookies) as client:
        hears_an_order(shop, client)


# Servers


@pytest.mark.parametrize("engine", [SQLITE, POSTGRESQL], indirect=True)
def test_readers_of_a_killed_server_resume_at_another(demo_site: Site, shop: Shop):
    first, second = demo_site.serve(), demo_site.serve()
    cookies = login(first.url, "seller").cookies
    readers = [SseClient(f"{first.url}/events/", cookies=cookies) for _ in range(10)]
    for _ in range(2):
        shop.place_an_order()
    for reader in readers:
        reader.wait_for(lambda _event: len(reader.events) == 2)  # noqa: B023
    first.kill()
    for _ in range(2):
        shop.place_an_order()
    for reader in readers:
        reader.wait_closed()
        with SseClient(
            f"{second.url}/events/", cookies=cookies, headers={"Last-Event-ID": reader.last_event_id}
        ) as resumed:
            resumed.wait_for(lambda _event: len(resumed.events) == 2)
        numbers = [event.json()["data"]["number"] for event in reader.events + resumed.events]
        assert numbers == list(range(numbers[0], numbers[0] + 4))


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Callable[[list[int]], int]]:
    """Starts nginx before some ports, and returns its own."""
    path = program("nginx", package="nginx-light")
    started: list[Daemon] = []

    def start(ports: list[int]) -> int:
        port = free_port()
        names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        folders = "".join(f"{name}_temp_path {tmp_path}/{name};\n" for name in names)
        servers = "".join(f"server 127.0.0.1:{each} max_fails=0;\n" for each in ports)
        configuration = tmp_path / "nginx.conf"
        configuration.write_text(
            f"daemon off; worker_processes 1; pid {tmp_path}/nginx.pid; error_log {tmp_path}/error.log;\n"
            "events { worker_connections 4096; }\n"
            f"http {{ access_log off;\n{folders}"
            f"upstream site {{ {servers} }}\n"
            f"server {{ listen 127.0.0.1:{port}; location / {{\n"
            "proxy_pass http://site; proxy_http_version 1.1; proxy_set_header Connection '';"
            " proxy_set_header Host $host;\n"
            "}}}\n"
        )
        daemon = Daemon([path, "-p", tmp_path, "-c", configuration], tmp_path / "nginx.log")
        started.append(daemon)

        daemon.wait_until(lambda: is_open(port), 10)
        return port

    yield start
    for daemon in started:
        daemon.terminate()


# `ROLLING_READERS=500` for the number that docs/torture.md reports.
ROLLING_READERS = int(os.environ.get("ROLLING_READERS", "100"))


@on_postgresql
@pytest.mark.timeout(600 if ROLLING_READERS > 100 else 240)
def test_a_rolling_restart_behind_nginx_keeps_nobody_away_and_loses_nothing(
    site: Site, postgres_server: PostgresServer, redis_server: RedisServer, nginx: Callable[[list[int]], int]
):
    plan = Plan(
        seed=1, deliveries=30 * ROLLING_READERS, readers=ROLLING_READERS, servers=2, processes=1, threads=2, kills=0, drains=2,
        patience=10**9, longest_pause=60, orderly=True,
    )  # fmt: skip
    verdict = torture(plan, site, front=nginx)
    assert not verdict.problems, "\n".join(verdict.lines())
    assert verdict.faults == {DRAIN: 2}
    assert verdict.read["bye"] >= plan.readers, "each server had streams"
    assert verdict.longest_away < 10
    assert verdict.inboxes == plan.readers * 3 // 4
    print("\n".join(verdict.lines()))  # noqa: T201


# Writers


OVERLAP = """
import json, threading
from django.db import connections, transaction
from notifications import log
from notifications.models import Event
ROUNDS, WRITERS = 5, 4
def write(name, began, turns):
    for number in range(ROUNDS):
        try:
            with transaction.atomic():
                began[number][name].wait(10)
                log.append("seller:%s" % seller, "overlap", {"round": number, "writer": name})
                if name + 1 < WRITERS:
                    began[number][name + 1].set()
                # The last to append is the first to commit.
                turns[number][name].wait(10)
        finally:
            if name:
                turns[number][name - 1].set()
    connections.close_all()
from django.contrib.auth.models import User
seller = User.objects.get(username="seller").pk
began = [[threading.Event() for _ in range(WRITERS)] for _ in range(ROUNDS)]
turns = [[threading.Event() for _ in range(WRITERS)] for _ in range(ROUNDS)]
for number in range(ROUNDS):
    began[number][0].set()
    turns[number][WRITERS - 1].set()
threads = [threading.Thread(target=write, args=(name, began, turns)) for name in range(WRITERS)]
for thread in threads: thread.start()
for thread in threads: thread.join()
rows = Event.objects.filter(kind="overlap").order_by("id").values_list("position", flat=True)
print(json.dumps(list(rows)))
"""


@on_postgresql
def test_transactions_that_commit_out_of_their_ids_order_are_streamed_in_one_order_without_gaps(demo_site: Site):
    servers = [demo_site.serve(), demo_site.serve()]
    cookies = login(servers[0].url, "seller").cookies
    streams = [SseClient(f"{server.url}/events/", cookies=cookies) for server in servers]
    by_id = json.loads(demo_site.manage("shell", "--command", OVERLAP).stdout.splitlines()[-1])
    assert by_id != sorted(by_id), "they did not overlap: nothing was tried"
    assert sorted(by_id) == list(range(min(by_id), min(by_id) + 20))
    for stream in streams:
        stream.wait_for(lambda _event: len(stream.events) == 20)  # noqa: B023
        assert [int(event.id) for event in stream.events] == sorted(by_id)
        stream.close()


WAITING = """
import json, time
from django.db import connection, transaction
from notifications import log
began = time.monotonic()
times = {}
with transaction.atomic():
    log.append("a:1", "waited")
    times["appended"] = time.monotonic() - began
    connection.run_on_commit.insert(0, (set(), lambda: times.update(committed=time.monotonic() - began), False))
times["returned"] = time.monotonic() - began
print(json.dumps(times))
"""


@on_postgresql
def test_a_transaction_never_waits_for_the_lock_of_the_log(demo_site: Site, shop: Shop):
    """Whoever sequences may be stuck: that delays positions, and neither commits nor, for long, those who committed."""
    server = demo_site.serve()
    cookies = login(server.url, "seller").cookies
    with (
        psycopg.connect(demo_site.database_url) as holder,
        SseClient(f"{server.url}/events/", cookies=cookies) as client,
    ):
        holder.execute("SELECT * FROM notifications_head FOR UPDATE")
        times = json.loads(demo_site.manage("shell", "--command", WAITING, timeout=50).stdout.splitlines()[-1])
        assert times["appended"] < 1
        assert times["committed"] < 1
        assert times["returned"] < 8
        number, _seconds = shop.place_an_order()
        holder.rollback()
        client.wait_for(lambda event: event.event == "order.placed" and number in event.data)
