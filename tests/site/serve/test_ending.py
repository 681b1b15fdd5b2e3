"""How a server ends, orderly or killed, and how it starts: its address, its environment."""

import socket
import time

import pytest

from tests.site.serve.streams import stream
from tests.support.services import Site
from tests.support.sse import login


@pytest.fixture
def demo_site(demo_site: Site) -> Site:
    """A site whose servers are interpreters of their own: a fork ends without the interpreter's shutdown."""
    demo_site.forks_servers = False
    return demo_site


def test_sigterm_ends_open_streams_in_good_order(demo_site: Site):
    """Trap 7: under Django's handler this crashes CPython 3.11 and runs no `finally` anywhere."""
    server = demo_site.serve()
    cookies = login(server.url, "seller").cookies
    clients = [stream(server, cookies) for _ in range(50)]
    # A connection without a request, and one with half of it: Daphne's own shutdown trips over the latter.
    idle, half = (socket.create_connection(("127.0.0.1", server.port)) for _ in range(2))
    half.sendall(b"GET / HTTP/1.1\r\nHost: loc")
    time.sleep(0.2)
    began = time.monotonic()
    assert server.terminate() == 0
    assert time.monotonic() - began < 5
    for client in clients:
        client.wait_closed()
        assert client.error is None
        assert [event.event for event in client.events] == ["bye"]
        assert client.retry is not None
    assert "ended 50 requests, 0 of them by force" in server.log()
    assert "Traceback" not in server.log()
    idle.close()
    half.close()


def test_a_killed_server_loses_nothing_for_those_who_resume(demo_site: Site):
    server = demo_site.serve()
    cookies = login(server.url, "seller").cookies
    with stream(server, cookies) as client:
        demo_site.manage("place_order", "--count", "2")
        client.wait_for(lambda _event: len(client.events) == 2)
        server.kill()
        client.wait_closed()
    demo_site.manage("place_order", "--count", "3")
    again = demo_site.serve(server.port)
    with stream(again, cookies, **{"Last-Event-ID": client.last_event_id}) as resumed:
        demo_site.manage("place_order")
        resumed.wait_for(lambda _event: len(resumed.events) == 4)
    numbers = [event.json()["data"]["number"] for event in client.events + resumed.events]
    assert numbers == list(range(numbers[0], numbers[0] + 6))


def test_a_port_that_is_taken_is_named(demo_site: Site):
    server = demo_site.serve()
    done = demo_site.manage("serve", "--port", str(server.port), check=False)
    assert done.returncode == 1
    assert str(server.port) in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://root@localhost/shop"),
        ("DATABASE_URL", "postgresql://user:hidden@localhost:port/shop"),
        ("DATABASE_URL", "nonsense"),
        ("REDIS_URL", "localhost:6379"),
        ("DEBUG", "maybe"),
        ("PAYMENT_WINDOW_SECONDS", "soon"),
        ("PAYMENT_WINDOW_SECONDS", "0"),
        ("PAYMENT_CALLBACK_SECRETS", "not base64!"),
        ("PAYMENT_CALLBACK_SECRETS", "whsec_c2hvcnQ="),
        ("ALLOWED_HOSTS", ","),
    ],
)
def test_a_bad_environment_value_stops_the_start_with_one_line(tmp_path, name, value):
    site = Site(tmp_path, f"sqlite:///{tmp_path}/none.sqlite3", env={name: value})
    done = site.manage("check", check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"{name}: ")
    assert done.stderr.count("\n") == 1
    assert "hidden" not in done.stderr


@pytest.mark.parametrize("missing", ["SECRET_KEY", "ALLOWED_HOSTS", "PAYMENT_CALLBACK_SECRETS"])
def test_with_debug_off_nothing_secret_has_a_default(tmp_path, missing):
    values = {
        "SECRET_KEY": "s" * 60,
        "ALLOWED_HOSTS": "shop.example",
        "PAYMENT_CALLBACK_SECRETS": "whsec_" + "QUJD" * 10,
    }
    site = Site(tmp_path, f"sqlite:///{tmp_path}/none.sqlite3", env={"DEBUG": "0", **values})
    assert site.manage("check").returncode == 0
    site.environment[missing] = ""
    done = site.manage("check", check=False)
    assert (done.returncode, done.stderr) == (1, f"{missing}: must be set when DEBUG is off\n")


def test_demo_people_are_refused_where_debug_is_off(tmp_path):
    values = {"ALLOWED_HOSTS": "shop.example", "PAYMENT_CALLBACK_SECRETS": "whsec_" + "QUJD" * 10, "DEBUG": "0"}
    site = Site(tmp_path, f"sqlite:///{tmp_path}/none.sqlite3", env=values)
    site.migrate()
    done = site.manage("seed_demo", check=False)
    assert done.returncode == 1
    assert "DEBUG" in done.stderr
