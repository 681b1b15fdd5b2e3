"""Servers are killed or restarted: their readers resume at another."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.site.faults.shop import Shop, on_postgresql
from tests.support.processes import Daemon, free_port, program
from tests.support.services import POSTGRESQL, SQLITE, PostgresServer, RedisServer, Site
from tests.support.sse import SseClient, login
from tests.torture.plan import DRAIN, Plan
from tests.torture.run import torture

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
