"""Redis is away: other processes poll, and saves are not affected."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from notifications.log import wakeups
from tests.site.faults.shop import Shop, hears_an_order, on_postgresql, until
from tests.support.services import RedisServer, Site
from tests.support.sse import SseClient, login


@pytest.fixture
def own_redis(demo_site: Site, tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that the site uses alone, so that it may go."""
    server = RedisServer(tmp_path)
    demo_site.environment["REDIS_URL"] = server.url
    yield server
    server.kill()


def is_heard(server: RedisServer) -> bool:
    """Whether anybody listens for wake-ups."""
    with redis.Redis.from_url(server.url, socket_timeout=2) as client:
        return any(wakeups.GROUP in name.decode() for name in client.pubsub_channels())


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
