"""An open stream, in this process: what it delivers, in which language and form, and how it keeps alive."""

import asyncio
import json
import time

import pytest

from notifications import kinds, log, subscriptions
from notifications.models import Event, Subscription
from notifications.stream import EventStream, connection, hub
from tests.notifications.stream.events import append, cursor_now, own_channel
from tests.support.asgi import Reader, cookies_of, in_thread, run
from tests.support.people import person

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_stream_delivers_what_happens_while_it_is_open(alice):
    cookie = cookies_of(alice)

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie).opened()
        await in_thread(append, own_channel(alice), 3)
        await in_thread(append, "user:999")
        await in_thread(append, own_channel(alice))
        await reader.until(lambda r: len(r.events) == 4)
        await reader.leave()
        return reader

    reader = run(scenario)
    assert reader.status == 200
    assert reader.headers[b"content-type"] == b"text/event-stream; charset=utf-8"
    assert reader.headers[b"cache-control"] == b"no-cache, no-transform"
    assert reader.headers[b"x-accel-buffering"] == b"no"
    assert reader.told() == [(1, "happened"), (2, "happened"), (3, "happened"), (5, "happened")]
    assert 1000 <= reader.parser.retry <= 2000
    event = json.loads(reader.events[0].data)
    assert set(event) == {"id", "kind", "channel", "title", "body", "url", "created_at", "data"}


def test_without_a_cursor_a_stream_begins_now_and_says_from_where_to_resume(alice):
    cookie = cookies_of(alice)
    append(own_channel(alice), 5)

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie).opened()
        await reader.leave()
        return reader

    reader = run(scenario)
    assert reader.events == []
    assert reader.parser.last_event_id == cursor_now(5)


def test_a_quiet_stream_pings(alice, settings):
    settings.NOTIFICATIONS_PING_SECONDS = 0.1
    cookie = cookies_of(alice)

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie).until(lambda r: len(r.events) >= 3)
        await reader.leave()
        return reader

    assert {event.event for event in run(scenario).events} == {"ping"}


def test_a_stream_ends_at_its_age_and_asks_to_come_back(alice, settings):
    settings.NOTIFICATIONS_STREAM_MAX_AGE = 0.3
    cookie = cookies_of(alice)

    async def scenario():
        began = time.monotonic()
        reader = await Reader(EventStream(), "/events/", cookie).end()
        return reader, time.monotonic() - began

    reader, age = run(scenario)
    assert [event.event for event in reader.events] == ["bye"]
    assert 0.1 <= age < 2
    assert reader.events[0].json()["retry"] == reader.parser.retry


def test_texts_are_in_the_readers_language_encoded_once_per_language(alice, monkeypatch):
    rendered = []
    original = kinds.render

    def render(name, data):
        rendered.append(name)
        return original(name, data)

    monkeypatch.setattr(kinds, "render", render)
    cookie = cookies_of(alice)
    data = {"number": 1042, "buyer": "bob", "product": "Mug", "amount": "3.00", "currency": "EUR"}

    async def scenario():
        readers = [
            await Reader(EventStream(), "/events/", cookie, accept_language=language).opened()
            for language in ("en", "zh-CN", "en-GB", "zh-Hans")
        ]
        await in_thread(log.append, own_channel(alice), "order.placed", data)
        for reader in readers:
            await reader.until(lambda r: r.events)
            await reader.leave()
        return [json.loads(reader.events[0].data)["title"] for reader in readers]

    titles = run(scenario)
    assert titles[0] == titles[2] == "bob placed order 1042"
    assert titles[1] == titles[3] != titles[0]
    assert len(rendered) == 2


def test_plain_text_is_the_readable_line_alone(alice):
    cookie = cookies_of(alice)
    data = {"number": 1042, "buyer": "bob", "product": "Mug", "amount": "3.00", "currency": "EUR"}

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie, query="format=text").opened()
        other = await Reader(EventStream(), "/events/", cookie, query="format=json").opened()
        await in_thread(log.append, own_channel(alice), "order.placed", data)
        for one in (reader, other):
            await one.until(lambda r: r.events)
            await one.leave()
        return reader, other

    text, structured = run(scenario)
    assert text.events[0].data == "bob placed order 1042 (Mug, 3.00\u00a0EUR)"
    assert text.events[0].id == structured.events[0].id == cursor_now(1)
    assert structured.events[0].json()["title"] == "bob placed order 1042"


def test_send_event_of_other_peoples_code_reaches_the_same_streams(alice):
    from django.db import transaction
    from django_eventstream import send_event

    cookie = cookies_of(alice)

    def send():
        send_event(own_channel(alice), "message", {"text": "hello"})
        with transaction.atomic():
            send_event(own_channel(alice), "message", "in a transaction")
        with pytest.raises(RuntimeError), transaction.atomic():
            send_event(own_channel(alice), "message", "rolled back")
            raise RuntimeError
        send_event(own_channel(alice), "text", "two\nlines", json_encode=False)

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie).opened()
        await in_thread(send)
        await reader.until(lambda r: len(r.events) == 3)
        await reader.leave()
        return reader

    events = run(scenario).events
    assert [(event.position, event.event, event.data) for event in events] == [
        (1, "message", '{"text": "hello"}'),
        (2, "message", '"in a transaction"'),
        (3, "text", "two\nlines"),
    ]


def is_of_a_connection(task) -> bool:
    code = getattr(task.get_coro(), "cr_code", None)
    return code is not None and code.co_filename == connection.__file__


def test_leaving_removes_every_trace_of_the_stream(alice):
    cookie = cookies_of(alice)

    async def scenario():
        manager = hub.get_hub()
        before = asyncio.all_tasks()
        readers = [await Reader(EventStream(), "/events/", cookie).opened() for _ in range(20)]
        assert len(manager.streams) == 20
        for reader in readers:
            await reader.leave()
        await asyncio.sleep(0)
        # Those of the streams alone: the tail and its connection to Redis may begin and end some of their own.
        return manager, [task for task in asyncio.all_tasks() - before if is_of_a_connection(task)]

    manager, left_over = run(scenario)
    assert manager.streams == set()
    assert manager.listeners_by_channel == {}
    assert left_over == []


def test_a_burst_is_written_at_once(alice):
    cookie = cookies_of(alice)

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie).opened()
        before = reader.writes
        await in_thread(lambda: log.append_all([Event(channel=own_channel(alice), kind="happened") for _ in range(20)]))
        await reader.until(lambda r: len(r.events) == 20)
        await reader.leave()
        return reader.writes - before

    assert run(scenario) == 2  # the burst, and the end


def test_streams_and_subscriptions_of_strangers_stay_apart(alice):
    bob, cookie = person("bob"), cookies_of(alice)
    subscriptions.subscribe(bob, "author:7")

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie, query="lastEventId=0&channel=author:7").opened()
        for channel in (own_channel(bob), f"seller:{bob.pk}", "author:7", f"control:{alice.pk}", "order:1001"):
            await in_thread(append, channel)
        await in_thread(append, own_channel(alice), 1, "mine")
        await reader.until(lambda r: r.told()[-1:] and r.told()[-1][1] == "mine")
        await reader.leave()
        return reader

    assert [kind for _position, kind in run(scenario).told()] == ["mine"]
    assert not Subscription.objects.filter(user=alice, channel="author:7").exists()
