"""Resuming: what a stream delivered and what a resume delivers is what the log holds."""

import asyncio
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from notifications import log, subscriptions
from notifications.models import Event
from notifications.stream import EventStream, Plan, catch_up, each, listener, runtime
from notifications.stream.hub import Hub
from tests.notifications.stream.events import append, cursor_now, own_channel
from tests.support.asgi import Reader, cookies_of, in_thread, run

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_stream_resumes_after_its_cursor_by_header_or_query(alice):
    cookie = cookies_of(alice)
    append(own_channel(alice), 5)

    async def scenario():
        readers = [
            Reader(EventStream(), "/events/", cookie, last_event_id="3"),
            Reader(EventStream(), "/events/", cookie, query="lastEventId=3"),
            # A browser that reconnects by itself repeats the old query, and adds the newer header.
            Reader(EventStream(), "/events/", cookie, query="lastEventId=1", last_event_id="3"),
        ]
        for reader in readers:
            await reader.until(lambda r: len(r.events) == 2)
        await in_thread(append, own_channel(alice))
        for reader in readers:
            await reader.until(lambda r: len(r.events) == 3)
            await reader.leave()
        return readers

    for reader in run(scenario):
        assert [position for position, _kind in reader.told()] == [4, 5, 6]


@pytest.mark.parametrize("seed", range(5))
def test_delivered_plus_resumed_is_the_log_whatever_the_moment_of_the_break(alice, seed):
    """Nothing lost, nothing twice, strictly increasing, while a writer keeps writing."""
    cookie, total = cookies_of(alice), 60

    async def scenario():
        writer = asyncio.ensure_future(in_thread(append, own_channel(alice), total))
        got: list[int] = []
        reader = Reader(EventStream(), "/events/", cookie, query="lastEventId=0")
        while len(got) < total:
            enough = len(got) + 3 + seed * 5
            await reader.until(lambda r: len(r.events) >= min(3 + seed * 5, total - len(got)))  # noqa: B023
            await reader.leave()
            got += [position for position, _kind in reader.told()]
            assert len(got) >= min(enough, total)
            reader = Reader(EventStream(), "/events/", cookie, last_event_id=str(got[-1]))
            await reader.opened()
        await reader.leave()
        await writer
        return got + [position for position, _kind in reader.told()]

    assert run(scenario) == list(range(1, total + 1))


def test_a_long_absence_is_caught_up_in_pages(alice, monkeypatch):
    monkeypatch.setattr(catch_up, "FIRST_PAGE", 7)
    monkeypatch.setattr(catch_up, "LARGEST_PAGE", 5)
    cookie = cookies_of(alice)
    for number in range(50):
        append(own_channel(alice) if number % 3 else "user:999")

    async def scenario():
        reader = Reader(EventStream(), "/events/", cookie, query="lastEventId=0")
        await reader.until(lambda r: len(r.events) == 33)
        await reader.leave()
        return reader

    expected = [event.position for event in log.read(0, channels=[own_channel(alice)], limit=100)]
    assert [position for position, _kind in run(scenario).told()] == expected


def test_an_overflowing_stream_catches_up_from_the_log(alice, monkeypatch):
    monkeypatch.setattr(listener, "MAX_PENDING", 3)
    cookie = cookies_of(alice)

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie).opened()
        # Within one step of the loop: the stream cannot take anything in between.
        await in_thread(lambda: log.append_all([Event(channel=own_channel(alice), kind=f"n{n}") for n in range(20)]))
        await reader.until(lambda r: len(r.events) == 20)
        await reader.leave()
        return reader

    assert run(scenario).told() == [(n + 1, f"n{n}") for n in range(20)]


def test_a_stream_that_ends_while_it_catches_up_leaves_all_the_rest_to_the_resume(alice):
    """A server that drains while many readers come back to it: what is queued must not be delivered over the gap."""
    cookie = cookies_of(alice)
    append(own_channel(alice), 3 * catch_up.FIRST_PAGE)

    class Slow(Reader):
        def __init__(self, *args, **kwargs):
            self.room = asyncio.Event()
            super().__init__(*args, **kwargs)

        async def _send(self, message):
            await super()._send(message)
            if self.events:
                await self.room.wait()

    async def scenario():
        follower = await runtime.running()
        reader = Slow(EventStream(), "/events/", cookie, last_event_id="0")
        await reader.until(lambda r: r.events)
        await in_thread(append, own_channel(alice))
        async with asyncio.timeout(10):
            while follower.cursor <= 3 * catch_up.FIRST_PAGE:  # noqa: ASYNC110  it is no event of anybody's
                await asyncio.sleep(0.01)
        follower.hub.close_all()
        reader.room.set()
        await reader.end()
        resumed = Reader(EventStream(), "/events/", cookie, last_event_id=reader.parser.last_event_id)
        await resumed.until(lambda r: r.told() and r.told()[-1][0] > 3 * catch_up.FIRST_PAGE)
        await resumed.leave()
        return reader, resumed

    broken, resumed = run(scenario)
    assert broken.events[-1].event == "bye"
    assert [position for position, _kind in broken.told() + resumed.told()] == list(
        range(1, 3 * catch_up.FIRST_PAGE + 2)
    )


@pytest.mark.parametrize(("cursor", "answer"), [("2", "reset"), ("4", "happened"), ("99", "reset")])
def test_a_cursor_outside_of_the_log_is_answered_with_reset(alice, cursor, answer):
    cookie = cookies_of(alice)
    append(own_channel(alice), 5)
    Event.objects.filter(position__lte=4).update(created_at=timezone.now() - timedelta(days=9))
    log.prune(timedelta(days=1))

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie, last_event_id=cursor).until(lambda r: r.events)
        await in_thread(append, own_channel(alice))
        await reader.until(lambda r: r.told() and r.told()[-1][0] == 6)
        await reader.leave()
        return reader

    events = run(scenario).events
    assert events[0].event == answer
    assert events[0].id == cursor_now(5)
    if answer == "reset":
        assert events[0].json() == {"cursor": 5, "epoch": log.bounds().epoch}
    assert events[-1].id == cursor_now(6)


def test_reconnecting_mode_says_what_there_is_and_ends(alice):
    cookie = cookies_of(alice)
    append(own_channel(alice), 2)

    async def scenario():
        return await Reader(EventStream(), "/events/", cookie, query="mode=reconnect&lastEventId=0").end()

    reader = run(scenario)
    assert reader.told() == [(1, "happened"), (2, "happened")]
    assert reader.parser.retry >= 3000


def test_a_resume_does_not_bring_what_was_before_the_subscription(alice):
    append("author:7", 3)
    subscriptions.subscribe(alice, "author:7")
    append("author:7")
    cookie = cookies_of(alice)

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie, query="lastEventId=0").until(lambda r: r.events)
        await reader.leave()
        return reader

    assert run(scenario).told() == [(5, "happened")]


def pulse_plan(person) -> Plan:
    return Plan({own_channel(person): 0}, pulse=lambda: b"event: pulse\ndata: {}\n\n", pulse_seconds=0.05)


@pytest.mark.parametrize("stream", ["pings", "text", "pulses"])
def test_a_stream_that_hears_nothing_moves_on_and_comes_back_without_reading_the_log(
    alice, settings, monkeypatch, stream
):
    settings.NOTIFICATIONS_PING_SECONDS = 0.05
    cookie = cookies_of(alice)
    query = "format=text" if stream == "text" else ""
    plan = each(lambda request, _kwargs: pulse_plan(request.user))
    application = EventStream(plan) if stream == "pulses" else EventStream()
    reads = []
    original = log.read

    def read(*args, **kwargs):
        if "channels" in kwargs:
            reads.append(args)
        return original(*args, **kwargs)

    def prune():
        Event.objects.update(created_at=timezone.now() - timedelta(days=9))
        return log.prune(timedelta(days=1))

    async def scenario():
        follower = await runtime.running()
        reader = await Reader(application, "/events/", cookie, query=query).opened()
        assert reader.parser.last_event_id.endswith("-0")
        await in_thread(append, "user:999", 80)
        await reader.until(lambda r: r.parser.last_event_id.endswith("-80"))
        await reader.leave()
        assert await in_thread(prune) == 80
        follower.backlog.clear()
        monkeypatch.setattr(log, "read", read)
        again = Reader(application, "/events/", cookie, query=query, last_event_id=reader.parser.last_event_id)
        await again.until(lambda r: r.events)
        await in_thread(append, own_channel(alice))
        await again.until(lambda r: r.told() and r.told()[-1] == (81, "happened"))
        await again.leave()
        return reader, again

    def kinds_of(reader):
        return {event.event for event in reader.events}

    steady = "pulse" if stream == "pulses" else "ping"
    reader, again = run(scenario)
    assert kinds_of(reader) == {steady}
    assert kinds_of(again) == {steady, "happened"}
    assert reads == []


def test_a_return_that_brings_nothing_moves_on_at_once(alice):
    """A proxy may cut a connection before its first ping, again and again; a client may also come in reconnecting mode."""
    cookie = cookies_of(alice)
    append("user:999", 80)

    async def scenario():
        read = await Reader(EventStream(), "/events/", cookie, last_event_id="1").until(lambda r: r.writes == 2)
        await read.leave()
        await in_thread(append, "user:999", 5)
        (await runtime.running()).backlog.clear()
        once = await Reader(EventStream(), "/events/", cookie, query="mode=reconnect&lastEventId=1").end()
        return read.parser.last_event_id, once.parser.last_event_id

    assert run(scenario) == (cursor_now(80), cursor_now(85))


def test_a_stream_that_is_asked_to_come_back_resumes_from_where_the_log_is(alice):
    cookie = cookies_of(alice)

    async def scenario():
        follower = await runtime.running()
        reader = await Reader(EventStream(), "/events/", cookie).opened()
        await in_thread(append, "user:999", 3)
        async with asyncio.timeout(10):
            while follower.cursor < 3:  # noqa: ASYNC110  it is no event of anybody's
                await asyncio.sleep(0.01)
        follower.hub.close_all()
        return await reader.end()

    assert [(event.event, event.id) for event in run(scenario).events] == [("bye", cursor_now(3))]


def test_what_is_not_an_event_never_carries_the_position_of_one_that_is_still_queued(alice):
    """The event arrives while the pulse is being made; a cut between the two must not lose it."""
    cookie = cookies_of(alice)

    def pulse():
        tail = runtime.current()
        if tail and log.head() == 0:
            append(own_channel(alice))
            deadline = time.monotonic() + 10
            while tail.cursor == 0 and time.monotonic() < deadline:
                time.sleep(0.01)
        return b"event: pulse\ndata: {}\n\n"

    plan = Plan({own_channel(alice): 0}, pulse=pulse, pulse_seconds=0.05)

    async def scenario():
        reader = Reader(EventStream(each(lambda _request, _kwargs: plan)), "/events/", cookie)
        await reader.until(lambda r: len(r.events) >= 3)
        await reader.leave()
        return reader

    events = [(event.event, event.position) for event in run(scenario).events]
    assert events[:3] == [("pulse", 0), ("happened", 1), ("pulse", 1)]


def test_a_fan_out_that_fails_has_its_streams_read_the_log(alice, monkeypatch):
    """The tail goes on past those events, and a ping would take the client's cursor with it."""
    cookie = cookies_of(alice)
    original = Hub.listeners_of
    failed: list[str] = []

    def fail_once(self, channel):
        if not failed:
            failed.append(channel)
            raise RuntimeError("the hub failed")
        return original(self, channel)

    monkeypatch.setattr(Hub, "listeners_of", fail_once)

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie).opened()
        await in_thread(append, own_channel(alice))
        await reader.until(lambda r: r.told())
        await reader.leave()
        return reader

    assert run(scenario).told() == [(1, "happened")]
    assert failed == [own_channel(alice)]
