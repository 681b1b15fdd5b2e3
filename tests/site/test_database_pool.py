"""The connection pool on PostgreSQL: it heals, and holds nobody up."""

import time

import httpx
import pytest

from tests.support.services import POSTGRESQL, PostgresServer, Site
from tests.support.sse import SseClient, login

pytestmark = pytest.mark.parametrize("engine", [POSTGRESQL], indirect=True)


def test_a_command_ends_at_once_after_it_has_used_the_pool(demo_site: Site):
    demo_site.manage("place_order")
    without = time.monotonic()
    demo_site.manage("shell", "--command", "pass")
    began = time.monotonic()
    demo_site.manage("place_order")
    assert time.monotonic() - began < began - without + 2


def test_postgresql_may_restart_under_a_running_site(demo_site: Site, postgres_server: PostgresServer):
    server = demo_site.serve()
    seller = login(server.url, "seller").cookies
    with SseClient(f"{server.url}/events/", cookies=seller) as stream, httpx.Client(cookies=seller) as client:
        for _ in range(2):
            postgres_server.stop()
            time.sleep(1.5)
            postgres_server.start()
            began = time.monotonic()
            # The connections in the pool are dead: whoever takes one must not notice.
            assert client.get(f"{server.url}/notifications/", timeout=15).status_code == 200
            assert time.monotonic() - began < 5
            placed = demo_site.manage("place_order").stdout.split()[-1]
            stream.wait_for(lambda event: event.event == "order.placed" and placed in event.data)  # noqa: B023
    assert server.terminate() == 0
