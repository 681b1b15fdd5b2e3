"""The site as its operators run it: real server processes, real HTTP, on SQLite and on PostgreSQL with Redis."""

import os
import signal
import socket
import statistics
import time
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest
from django.utils import timezone

from tests.support.processes import free_port
from tests.support.services import POSTGRESQL, ROOT, SQLITE, ServeProcess, Site
from tests.support.sse import SseClient, login

both_engines = pytest.mark.parametrize("engine", [SQLITE, POSTGRESQL], indirect=True)


def stream(server: ServeProcess, cookies, path: str = "/events/", **headers) -> SseClient:
    client = SseClient(server.url + path, cookies=cookies, headers=headers)
    assert client.status == 200
    return client


def delay(event) -> float:
    """Seconds from the writing of the event to its arrival, by the clock of this machine."""
    written = datetime.fromisoformat(event.json()["created_at"])
    arrived = timezone.now().timestamp() - (time.monotonic() - event.received_at)
    return arrived - written.timestamp()


def order_over_http(client) -> None:
    """Orders the first product, as the button on the page does."""
    page = client.get("/products/")
    token = page.text.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    pk = page.text.split('/order/"')[0].rsplit("/", 1)[1]
    assert client.post(f"/products/{pk}/order/", data={"csrfmiddlewaretoken": token}).status_code == 302


@both_engines
def test_a_save_reaches_the_open_streams_of_every_process(demo_site: Site):
    first, second = demo_site.serve(), demo_site.serve()
    seller = login(first.url, "seller").cookies
    buyer = login(first.url, "buyer")
    with stream(first, seller) as here, stream(second, seller) as there:
        # Saved in the first server process, by a command, and by a shell.
        for _ in range(5):
            order_over_http(buyer)
        placed = demo_site.manage("place_order", "--count", "3").stdout.split()
        demo_site.manage(
            "shell",
            "--command",
            "from orders.models import Order, Product; from django.contrib.auth.models import User\n"
            "print(Order.objects.create(buyer=User.objects.get(username='buyer'), product=Product.objects.first()))",
        )
        for client in (here, there):
            client.wait_for(lambda _event: len([e for e in client.events if e.event == "order.placed"]) == 9)  # noqa: B023
    events = [event for event in here.events if event.event == "order.placed"]
    assert [event.id for event in events] == [event.id for event in there.events if event.event == "order.placed"]
    assert [event.json()["data"]["number"] for event in events[5:8]] == [int(number) for number in placed]
    assert [int(event.id) for event in events] == sorted({int(event.id) for event in events})
    # Polling (0.2 s) without Redis, a wake-up with it: the safety poll of 2 s would be seen here.
    assert statistics.median(delay(event) for event in here.events + there.events if event.event != "ping") < 0.5


@both_engines
def test_streams_hold_neither_threads_nor_database_connections(demo_site: Site, request):
    server = demo_site.serve()
    cookies = login(server.url, "seller").cookies

    def threads() -> int:
        return len(list(Path(f"/proc/{server.pid}/task").iterdir()))

    def connections() -> int:
        if demo_site.database_url.startswith("sqlite"):
            links = Path(f"/proc/{server.pid}/fd")
            return sum("sqlite3" in str(link.readlink()) for link in links.iterdir() if link.is_symlink())
        import psycopg

        with psycopg.connect(demo_site.database_url) as connection:
            row = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
            return row.fetchall()[0][0] - 1

    with ExitStack() as stack:
        stack.enter_context(stream(server, cookies))
        time.sleep(1)
        before = threads(), connections()
        clients = [stack.enter_context(stream(server, cookies)) for _ in range(200)]
        time.sleep(1)
        after = threads(), connections()
        demo_site.manage("place_order")
        for client in clients:
            client.wait_for(lambda event: event.event == "order.placed")
    assert after[0] <= before[0] + 8
    # The process's own report, every two seconds, has one for a moment (of three files, on SQLite).
    assert after[1] <= before[1] + 3


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


BAD_REQUESTS = [
    ("GET", "/events/", {"Last-Event-ID": "a:abc"}, 400),
    ("GET", "/events/", {"Last-Event-ID": "error"}, 400),
    ("GET", "/events/", {"Last-Event-ID": "-1"}, 400),
    ("GET", "/events/", {"Last-Event-ID": "9" * 30}, 400),
    ("GET", "/events/", {"Last-Event-ID": "１"}, 400),
    ("GET", "/events/?lastEventId=1.5", {}, 400),
    ("GET", "/events/?lastEventId=%00", {}, 400),
    ("GET", "/events/?lastEventId=%FF%FE", {}, 400),
    ("GET", "/events/?es-meta=x", {}, 400),
    ("GET", "/events/?recover=true", {}, 400),
    ("GET", "/events/?link=next", {}, 400),
    ("GET", "/events/?mode=sideways", {}, 400),
    ("GET", "/events/?format=xml", {}, 400),
    ("GET", "/events/", {"Host": "evil.example"}, 400),
    ("GET", "/events/", {"X-Padding": "x" * 20_000}, 400),
    ("POST", "/events/", {}, 405),
    ("HEAD", "/events/", {}, 405),
    ("DELETE", "/events/", {}, 405),
    ("GET", "/orders/99999999/events/", {}, 404),
    ("GET", f"/orders/{10**30}/events/", {}, 404),
    ("GET", "/orders/abc/events/", {}, 404),
    ("GET", "/orders/-1/events/", {}, 404),
    ("POST", "/orders/1/events/", {}, 405),
    ("GET", "/orders/1/events/", {"Last-Event-ID": "x"}, 400),
    ("GET", "/events", {}, 301),
]


def raw_request(server: ServeProcess, method: str, path: str, headers: dict[str, str]) -> int:
    """Sends exactly these bytes and returns the status; 0 if the server hangs up without an answer."""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        try:
            connection.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
            answer = connection.recv(65536)
        except ConnectionError:
            return 0
        return int(answer.split(b" ", 2)[1]) if answer else 0


def test_malformed_requests_are_refused_before_a_stream_begins_and_harm_nobody(demo_site: Site):
    """Trap 3: with eventstream's own view the first of these stops Daphne from ever reaping a request again."""
    server = demo_site.serve()
    cookies = login(server.url, "seller").cookies
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    with ExitStack() as stack:
        clients = [stack.enter_context(stream(server, cookies)) for _ in range(20)]
        for method, path, headers, status in BAD_REQUESTS:
            sent = {"Host": f"127.0.0.1:{server.port}", "Cookie": cookie, **headers}
            assert raw_request(server, method, path, sent) == status, (method, path, headers)
        demo_site.manage("place_order")
        for client in clients:
            client.wait_for(lambda event: event.event == "order.placed")
    assert "Traceback" not in server.log()
    assert server.terminate() == 0


def test_strangers_get_no_stream_and_stop_asking(demo_site: Site):
    server = demo_site.serve()
    number = demo_site.manage("place_order").stdout.split()[-1]
    for cookies in ({}, {"sessionid": "made-up"}):
        for path in ("/events/", f"/orders/{number}/events/"):
            with SseClient(server.url + path, cookies=cookies) as anonymous:
                assert anonymous.status == 204
    for name in ("seller", "follower", "admin"):
        with SseClient(f"{server.url}/orders/{number}/events/", cookies=login(server.url, name).cookies) as stranger:
            assert stranger.status == 404


@both_engines
def test_a_payment_page_hears_the_providers_callback_and_is_finished(demo_site: Site):
    server = demo_site.serve()
    number = demo_site.manage("place_order").stdout.split()[-1]
    buyer, seller = login(server.url, "buyer").cookies, login(server.url, "seller").cookies
    path = f"/orders/{number}/events/"
    with stream(server, buyer, path) as page, stream(server, buyer) as inbox, stream(server, seller) as sales:
        done = demo_site.manage("simulate_payment", number, "--base-url", server.url)
        page.wait_closed()
        inbox.wait_for(lambda event: event.event == "payment.succeeded")
        sales.wait_for(lambda event: event.event == "order.paid")
    assert done.stdout.endswith("200 success\n")
    message, finish = page.events
    assert (message.event, finish.event) == ("payment.succeeded", "finish")
    assert finish.json()["data"]["outcome"] == "paid"
    assert finish.json()["url"] == f"/orders/{number}/done/"
    assert page.error is None
    with stream(server, buyer, path) as late:
        late.wait_closed()
    assert [event.event for event in late.events] == ["payment.succeeded", "finish"]
    with SseClient(server.url + path, cookies=buyer, headers={"Last-Event-ID": finish.id}) as again:
        assert again.status == 204
    repeated = demo_site.manage("simulate_payment", number, "--base-url", server.url)
    assert repeated.stdout.endswith("200 success\n")


def test_a_payment_stream_ends_with_its_window(demo_site: Site):
    demo_site.environment["PAYMENT_WINDOW_SECONDS"] = "2"
    server = demo_site.serve()
    buyer, seller = login(server.url, "buyer").cookies, login(server.url, "seller").cookies
    with stream(server, seller) as sales:
        number = demo_site.manage("place_order").stdout.split()[-1]
        with stream(server, buyer, f"/orders/{number}/events/") as page:
            page.wait_closed()
        sales.wait_for(lambda event: event.event == "order.expired")
    assert [event.event for event in page.events] == ["payment.expired", "finish"]
    assert page.events[-1].json()["data"]["outcome"] == "expired"


def test_runserver_serves_streams_and_reloads_while_they_are_open(demo_site: Site):
    port = free_port()
    server = demo_site.start("manage.py", "runserver", f"127.0.0.1:{port}", port=port)
    cookies = login(server.url, "seller").cookies
    watched = ROOT / "config" / "urls.py"
    with stream(server, cookies) as client:
        demo_site.manage("place_order")
        client.wait_for(lambda event: event.event == "order.placed")
        before = watched.stat()
        os.utime(watched)
        try:
            client.wait_closed()
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                try:
                    resumed = stream(server, cookies, **{"Last-Event-ID": client.last_event_id})
                    break
                except OSError:
                    time.sleep(0.2)
            with resumed:
                demo_site.manage("place_order")
                resumed.wait_for(lambda event: event.event == "order.placed")
        finally:
            os.utime(watched, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_the_application_runs_on_uvicorn_unchanged(demo_site: Site):
    port = free_port()
    arguments = ["--port", str(port), "--timeout-graceful-shutdown", "5"]
    server = demo_site.start("-m", "uvicorn", "config.asgi:application", *arguments, port=port)
    cookies = login(server.url, "seller").cookies
    with stream(server, cookies) as client:
        demo_site.manage("place_order")
        client.wait_for(lambda event: event.event == "order.placed")
    # Uvicorn ends in good order, and then by the signal that it was sent.
    assert server.terminate() in (0, -signal.SIGTERM)
    assert "Finished server process" in server.log()


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
