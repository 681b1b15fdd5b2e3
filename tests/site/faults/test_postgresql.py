"""PostgreSQL restarts or is away: open streams stay open."""

import pytest

from tests.site.faults.shop import Shop, hears_an_order, on_postgresql, until
from tests.support.services import PostgresServer, Site
from tests.support.sse import SseClient, login
from tests.torture.run import make_durable

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
