"""A row that log.append() would refuse is in the log all the same: each reader skips it or shows it by its label.

Such rows come from raw SQL, another release, a kind that is gone, or a `prepare` that raises.
"""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core import mail
from django.core.management import call_command
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from notifications import digests, inbox, kinds, log
from notifications.kinds import Kind
from notifications.log import wakeups
from notifications.log.control import control_channel
from notifications.log.wakeups import Sequenced
from notifications.models import Event, ServerProcess
from notifications.monitoring import delivery_trace, why
from notifications.stream import EventStream, runtime
from tests.support.asgi import Reader, cookies_of, in_thread, run
from tests.support.people import person

pytestmark = pytest.mark.django_db(transaction=True)
MEGABYTE = 1_000_000
# As JSON texts: Python's encoder would refuse some of them.
STRANGE = {
    "a nesting too deep for Python": '{"a": ' + "[" * 900 + "]" * 900 + "}",
    "a number too long for Python": '{"a": ' + "9" * 5000 + "}",
    "a list": "[1, 2]",
    "a number": "7",
    "a megabyte": json.dumps({"a": "x" * MEGABYTE}),
}
# PostgreSQL refuses these itself.
ONLY_SQLITE = {"a lone surrogate": r'{"number": "\ud800"}', "a NUL": r'{"number": "\u0000"}'}


class BrokenError(Exception):
    pass


def raises(data):
    raise BrokenError


@pytest.fixture(autouse=True)
def broken(monkeypatch):
    """A kind whose `prepare` raises, and which groups."""
    kind = Kind("broken", label=_("Inbox"), title="%(a)s", grouped="%(count)d", prepare=raises)
    monkeypatch.setitem(kinds._registry, kind.name, kind)


def insert(channel: str, kind: str, data: str = "{}", url: str = "") -> None:
    """Writes a row past append(), as raw SQL does."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO notifications_event (channel, kind, data, url, created_at) VALUES (%s, %s, %s, %s, %s)",
            [channel, kind, data, url, timezone.now()],
        )


def strange_rows(user) -> int:
    """Writes one row of every strange sort, and a good one behind them; returns the position of the last."""
    channel = f"user:{user.pk}"
    rows = {**STRANGE, **(ONLY_SQLITE if connection.vendor == "sqlite" else {})}
    for data in rows.values():
        insert(channel, "order.placed", data)
    insert(channel, "gone.kind")
    insert(channel, "broken")
    insert(channel, "a\nevent: order.paid\ndata: {}")
    insert(channel, "order.placed", url="javascript:alert(1)")
    log.append(
        channel, "order.placed", {"number": 9, "buyer": "bob", "product": "Mug", "amount": "1", "currency": "EUR"}
    )
    return log.sequence()


def good(events: list[dict]) -> list[str]:
    return [event["title"] for event in events if event["title"] == "bob placed order 9"]


def check_messages(events: list[dict], last: int) -> None:
    """What a client got of them: in order, up to the last, small, and without a script."""
    ids = [event["id"] for event in events]
    assert ids == sorted(set(ids))
    assert ids[-1] == last
    assert good(events) == ["bob placed order 9"]
    assert {event["kind"] for event in events} <= {"order.placed", "gone.kind", "broken"}
    assert {event["title"] for event in events if event["kind"] in ("gone.kind", "broken")} == {"gone.kind", "Inbox"}
    assert all(event["url"] in ("", "/orders/9/") for event in events)
    assert all(len(event["title"]) + len(event["body"]) <= 1200 for event in events)


def test_an_open_stream_goes_on_past_strange_rows(alice):
    cookie = cookies_of(alice)

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie).opened()
        last = await in_thread(strange_rows, alice)
        await reader.until(lambda r: r.parser.last_event_id.endswith(f"-{last}"))
        await reader.leave()
        return reader, last

    reader, last = run(scenario)
    check_messages([json.loads(event.data) for event in reader.events], last)
    assert {event.event for event in reader.events} <= {"order.placed", "gone.kind", "broken"}


@pytest.mark.parametrize("in_memory", [True, False], ids=["from the backlog", "from the log"])
def test_a_stream_resumes_past_strange_rows(alice, in_memory):
    cookie = cookies_of(alice)

    async def scenario():
        tail = await runtime.running() if in_memory else None
        last = await in_thread(strange_rows, alice)
        while tail is not None and tail.cursor < last:
            await in_thread(log.head)
        reader = Reader(EventStream(), "/events/", cookie, last_event_id="0")
        await reader.opened()
        await reader.until(lambda r: r.parser.last_event_id.endswith(f"-{last}"))
        await reader.leave()
        return reader, last

    reader, last = run(scenario)
    check_messages([json.loads(event.data) for event in reader.events], last)


def test_a_client_that_reads_lines_gets_past_strange_rows(alice):
    cookie = cookies_of(alice)

    async def scenario():
        last = await in_thread(strange_rows, alice)
        reader = await Reader(EventStream(), "/events/", cookie, "format=text", last_event_id="0").opened()
        await reader.until(lambda r: r.parser.last_event_id.endswith(f"-{last}"))
        await reader.leave()
        return reader

    assert [event.data for event in run(scenario).events][-1].startswith("bob placed order 9")


def test_a_wake_up_of_another_release_or_of_a_stranger_is_read_as_far_as_it_can_be():
    event = {"id": 1, "channel": "a:1", "kind": "k", "data": {}, "url": "", "created_at": "2026-11-26T00:00:00Z"}
    unknown_key = json.dumps([{**event, "position": 5, "colour": "red"}])
    signed = wakeups.signer().sign
    (carried,) = wakeups.unpacked({"position": 5, "events": signed(unknown_key)}).events
    assert (carried.position, carried.kind) == (5, "k")
    for events in (json.dumps([event]), "[7]", "{}", "null", "7", "[[]]", json.dumps([{**event, "created_at": 7}])):
        assert wakeups.unpacked({"position": 5, "events": signed(events)}) == Sequenced(5, [])
    for message in ({}, {"position": "x"}, {"position": None, "events": 7}, {"events": "unsigned"}):
        assert wakeups.unpacked(message) == Sequenced(0, [])


def test_a_control_event_that_cannot_be_read_has_the_stream_planned_again(alice):
    cookie = cookies_of(alice)

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie).opened()
        for kind, data in (
            ("control.subscribed", "{}"),
            ("control.subscribed", '{"channel": "x:1", "since": "soon"}'),
            ("control.unsubscribed", "[]"),
            ("control.silenced", '{"kinds": 7}'),
            ("control.session_ended", "7"),
            ("control.of_the_future", "{}"),
        ):
            await in_thread(insert, control_channel(alice.pk), kind, data)
        await in_thread(log.append, f"user:{alice.pk}", "happened")
        await reader.until(lambda r: r.events)
        await reader.leave()
        return reader

    assert [event.event for event in run(scenario).events] == ["happened"]


def test_the_inbox_page_and_the_start_page_show_strange_rows_by_their_labels(client, alice):
    strange_rows(alice)
    client.force_login(alice)
    page = client.get("/notifications/")
    assert page.status_code == 200
    content = page.content.decode()
    assert "bob placed order 9" in content
    assert "gone.kind" in content
    assert "javascript:" not in content
    assert len(content) < 200_000
    assert client.get("/").status_code == 200
    assert client.get(reverse("notifications:preferences")).status_code == 200


def test_a_group_of_rows_whose_kind_cannot_be_rendered_has_the_kinds_label(client, alice):
    for _number in range(3):
        insert(f"user:{alice.pk}", "broken")
    log.sequence()
    client.force_login(alice)
    assert "Inbox (3)" in client.get("/notifications/").content.decode()


def test_the_api_answers_with_strange_rows(client, alice):
    last = strange_rows(alice)
    client.force_login(alice)
    listed = client.get("/api/inbox?limit=200").json()["items"]
    read = client.get("/api/events?after=0&limit=200").json()["items"]
    for events in (listed[::-1], read):
        assert events[-1]["id"] == last
        assert good(events) == ["bob placed order 9"]
        assert all(event["url"] in ("", "/orders/9/") for event in events)
    assert client.get("/api/unread").json()["unread"] == len(listed) == inbox.unread_count(alice)


def test_a_digest_is_sent_with_strange_rows(alice):
    alice.email = "alice@shop.example"
    alice.save()
    strange_rows(alice)
    Event.objects.update(created_at=timezone.now() - timedelta(hours=1))
    assert digests.due() == [alice.pk]
    call_command("send_digests", stdout=StringIO())
    message: Any = mail.outbox[0]
    html = message.alternatives[0][0]
    for body in (message.body, html):
        # In the group of all orders of the day, named after the newest.
        assert "new orders" in body
        assert "gone.kind" in body
        assert "javascript:" not in body
        assert len(body) < 50_000


def test_the_admin_shows_strange_rows_and_explains_them(client, alice):
    strange_rows(alice)
    insert(control_channel(alice.pk), "control.silenced", '{"kinds": 7}')
    insert(control_channel(alice.pk), "control.subscribed", "[]")
    log.sequence()
    admin = person("root")
    admin.is_staff = admin.is_superuser = True
    admin.save()
    client.force_login(admin)
    assert client.get("/admin/notifications/event/").status_code == 200
    for event in Event.objects.all():
        assert client.get(f"/admin/notifications/event/{event.pk}/change/").status_code == 200
        page = client.get(f"/admin/notifications/event/{event.pk}/why/?user={alice.username}")
        assert page.status_code == 200
        assert why.explain(alice, event)


REPORTS = [
    {},
    [],
    7,
    {"now": 7, "counts": [], "history": {}, "errors": 7, "findings": "x"},
    {
        "now": {"streams": "many"},
        "history": [7, {"streams": 1}],
        "errors": [{}, 7, {"at": "noon"}],
        "findings": [{}, 7],
    },
    {"findings": [{"user": "1", "position": 1, "fanned_out_at": None, "streams": [{}, 7]}], "of_the_future": {}},
]


@pytest.mark.parametrize("figures", REPORTS, ids=range(len(REPORTS)))
def test_a_report_of_another_release_is_read_as_far_as_it_can_be(client, alice, figures):
    now = timezone.now()
    ServerProcess.objects.create(name="old:1", started_at=now, reported_at=now, figures=figures)
    log.append(f"user:{alice.pk}", "happened")
    admin = person("root")
    admin.is_staff = admin.is_superuser = True
    admin.save()
    client.force_login(admin)
    assert "old:1" in client.get("/admin/notifications/serverprocess/").content.decode()
    assert why.streams(alice, log.read(0)[0]).streams == []


def test_a_question_that_cannot_be_read_is_passed_over():
    class Tail:
        cursor = 3

        def controls_since(self, position, channel):
            rows = [
                {"user": "1", "channel": "a:1", "position": 1},
                {},
                [],
                {"user": "1", "channel": "a", "position": "x"},
            ]
            return [Entry(data) for data in rows]

    class Entry:
        position = 1

        def __init__(self, data):
            self.event = Event(data=data)

    tail: Any = Tail()
    assert [finding["position"] for finding in delivery_trace.Inbox(tail).findings()] == [1]
