"""Overlapping transactions: one order, and no waiting for the log."""

import json

import psycopg

from tests.site.faults.shop import Shop, on_postgresql
from tests.support.services import Site
from tests.support.sse import SseClient, login

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
        assert [event.position for event in stream.events] == sorted(by_id)
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
