"""`manage.py serve`: streams between processes, and what they cost."""

import statistics
import time
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest
from django.utils import timezone

from tests.site.serve.streams import stream
from tests.support.services import POSTGRESQL, SQLITE, Site
from tests.support.sse import SseClient, login

both_engines = pytest.mark.parametrize("engine", [SQLITE, POSTGRESQL], indirect=True)


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
    assert [event.position for event in events] == sorted({event.position for event in events})
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
