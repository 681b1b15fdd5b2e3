"""A stream's life, in this process: resume, reset, order, terminal kinds, time-outs, steering."""

import asyncio
import json
import time
from datetime import timedelta

import pytest
from django.contrib.auth import logout
from django.http import HttpRequest
from django.test import Client
from django.utils import timezone

from notifications import kinds, log, subscriptions
from notifications.models import Event, Head, Subscription
from notifications.stream import EventStream, Plan, connection, each, hub, listener, opening, runtime, tail
from tests.support.asgi import Reader, cookies_of, in_thread, run
from tests.support.people import person

pytestmark = pytest.mark.django_db(transaction=True)


def tell(channel: str, count: int = 1, kind: str = "happened") -> None:
    for _ in range(count):
        log.append(channel, kind)


def mine(user) -> str:
    return f"user:{user.pk}"


def test_a_stream_delivers_what_happens_while_it_is_open(alice):
    cookie = cookies_of(alice)

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie).opened()
        await in_thread(tell, mine(alice), 3)
        await in_thread(tell, "user:999")
        await in_thread(tell, mine(alice))
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


def test_a_stream_resumes_after_its_cursor_by_header_or_query(alice):
    cookie = cookies_of(alice)
    tell(mine(alice), 5)

    async def scenario():
        readers = [
            Reader(EventStream(), "/events/", cookie, last_event_id="3"),
            Reader(EventStream(), "/events/", cookie, query="lastEventId=3"),
            # A browser that reconnects by itself repeats the old query, and adds the newer header.
            Reader(EventStream(), "/events/", cookie, query="lastEventId=1", last_event_id="3"),
        ]
        for reader in readers:
            await reader.until(lambda r: len(r.events) == 2)
        await in_thread(tell, mine(alice))
        for reader in readers:
            await reader.until(lambda r: len(r.events) == 3)
            await reader.leave()
        return readers

    for reader in run(scenario):
        assert [position for position, _kind in reader.told()] == [4, 5, 6]


def test_without_a_cursor_a_stream_begins_now_and_says_from_where_to_resume(alice):
    cookie = cookies_of(alice)
    tell(mine(alice), 5)

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie).opened()
        await reader.leave()
        return reader

    reader = run(scenario)
    assert reader.events == []
    assert reader.parser.last_event_id == "5"


@pytest.mark.parametrize("seed", range(5))
def test_delivered_plus_resumed_is_the_log_whatever_the_moment_of_the_break(alice, seed):
    """Nothing lost, nothing twice, strictly increasing, while a writer keeps writing."""
    cookie, total = cookies_of(alice), 60

    async def scenario():
        writer = asyncio.ensure_future(in_thread(tell, mine(alice), total))
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
    monkeypatch.setattr(connection, "FIRST_PAGE", 7)
    monkeypatch.setattr(connection, "LARGEST_PAGE", 5)
    cookie = cookies_of(alice)
    for number in range(50):
        tell(mine(alice) if number % 3 else "user:999")

    async def scenario():
        reader = Reader(EventStream(), "/events/", cookie, query="lastEventId=0")
        await reader.until(lambda r: len(r.events) == 33)
        await reader.leave()
        return reader

    expected = [event.position for event in log.read(0, channels=[mine(alice)], limit=100)]
    assert [position for position, _kind in run(scenario).told()] == expected


def test_an_overflowing_stream_catches_up_from_the_log(alice, monkeypatch):
    monkeypatch.setattr(listener, "MAX_PENDING", 3)
    cookie = cookies_of(alice)

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie).opened()
        # Within one step of the loop: the stream cannot take anything in between.
        await in_thread(lambda: log.append_all([Event(channel=mine(alice), kind=f"n{n}") for n in range(20)]))
        await reader.until(lambda r: len(r.events) == 20)
        await reader.leave()
        return reader

    assert run(scenario).told() == [(n + 1, f"n{n}") for n in range(20)]


def test_a_stream_that_ends_while_it_catches_up_leaves_all_the_rest_to_the_resume(alice):
    """A server that drains while many readers come back to it: what is queued must not be delivered over the gap."""
    cookie = cookies_of(alice)
    tell(mine(alice), 3 * connection.FIRST_PAGE)

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
        await in_thread(tell, mine(alice))
        async with asyncio.timeout(10):
            while follower.cursor <= 3 * connection.FIRST_PAGE:  # noqa: ASYNC110  it is no event of anybody's
                await asyncio.sleep(0.01)
        follower.manager.close_all()
        reader.room.set()
        await reader.end()
        resumed = Reader(EventStream(), "/events/", cookie, last_event_id=reader.parser.last_event_id)
        await resumed.until(lambda r: r.told() and r.told()[-1][0] > 3 * connection.FIRST_PAGE)
        await resumed.leave()
        return reader, resumed

    broken, resumed = run(scenario)
    assert broken.events[-1].event == "bye"
    assert [position for position, _kind in broken.told() + resumed.told()] == list(
        range(1, 3 * connection.FIRST_PAGE + 2)
    )


@pytest.mark.parametrize(("cursor", "answer"), [("2", "reset"), ("4", "happened"), ("99", "reset")])
def test_a_cursor_outside_of_the_log_is_answered_with_reset(alice, cursor, answer):
    cookie = cookies_of(alice)
    tell(mine(alice), 5)
    Event.objects.filter(position__lte=4).update(created_at=timezone.now() - timedelta(days=9))
    log.prune(timedelta(days=1))

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie, last_event_id=cursor).until(lambda r: r.events)
        await in_thread(tell, mine(alice))
        await reader.until(lambda r: r.told() and r.told()[-1][0] == 6)
        await reader.leave()
        return reader

    events = run(scenario).events
    assert events[0].event == answer
    assert events[0].id == "5"
    if answer == "reset":
        assert events[0].json() == {"cursor": 5}
    assert events[-1].id == "6"


def test_reconnecting_mode_says_what_there_is_and_ends(alice):
    cookie = cookies_of(alice)
    tell(mine(alice), 2)

    async def scenario():
        return await Reader(EventStream(), "/events/", cookie, query="mode=reconnect&lastEventId=0").end()

    reader = run(scenario)
    assert reader.told() == [(1, "happened"), (2, "happened")]
    assert reader.parser.retry >= 3000


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
        await in_thread(log.append, mine(alice), "order.placed", data)
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
        await in_thread(log.append, mine(alice), "order.placed", data)
        for one in (reader, other):
            await one.until(lambda r: r.events)
            await one.leave()
        return reader, other

    text, structured = run(scenario)
    assert text.events[0].data == "bob placed order 1042 (Mug, 3.00\u00a0EUR)"
    assert text.events[0].id == structured.events[0].id == "1"
    assert structured.events[0].json()["title"] == "bob placed order 1042"


def test_send_event_of_other_peoples_code_reaches_the_same_streams(alice):
    from django.db import transaction
    from django_eventstream import send_event

    cookie = cookies_of(alice)

    def send():
        send_event(mine(alice), "message", {"text": "hello"})
        with transaction.atomic():
            send_event(mine(alice), "message", "in a transaction")
        with pytest.raises(RuntimeError), transaction.atomic():
            send_event(mine(alice), "message", "rolled back")
            raise RuntimeError
        send_event(mine(alice), "text", "two\nlines", json_encode=False)

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie).opened()
        await in_thread(send)
        await reader.until(lambda r: len(r.events) == 3)
        await reader.leave()
        return reader

    events = run(scenario).events
    assert [(event.id, event.event, event.data) for event in events] == [
        ("1", "message", '{"text": "hello"}'),
        ("2", "message", '"in a transaction"'),
        ("3", "text", "two\nlines"),
    ]


def test_following_and_unfollowing_take_effect_on_an_open_stream(alice):
    cookie = cookies_of(alice)

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie).opened()
        await in_thread(tell, "author:7", 1, "before")
        await in_thread(subscriptions.subscribe, alice, "author:7")
        await in_thread(tell, "author:7", 1, "while")
        await in_thread(subscriptions.set_muted, alice, "author:7", muted=True)
        await in_thread(tell, "author:7", 1, "muted")
        await in_thread(subscriptions.set_muted, alice, "author:7", muted=False)
        await in_thread(tell, "author:7", 1, "heard again")
        await in_thread(subscriptions.unsubscribe, alice, "author:7")
        await in_thread(tell, "author:7", 1, "after")
        await in_thread(tell, mine(alice), 1, "end")
        await reader.until(lambda r: r.told() and r.told()[-1][1] == "end")
        await reader.leave()
        return [kind for _position, kind in reader.told()]

    # What a mute or an unfollow takes away unread is told to the badges.
    assert run(scenario) == ["while", "inbox.read", "heard again", "inbox.read", "end"]


def test_a_resume_does_not_bring_what_was_before_the_subscription(alice):
    tell("author:7", 3)
    subscriptions.subscribe(alice, "author:7")
    tell("author:7")
    cookie = cookies_of(alice)

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie, query="lastEventId=0").until(lambda r: r.events)
        await reader.leave()
        return reader

    assert run(scenario).told() == [(5, "happened")]


def test_logging_out_ends_the_streams_of_that_session_only(alice):
    client, other = Client(), cookies_of(alice)
    client.force_login(alice)
    cookie = f"sessionid={client.cookies['sessionid'].value}".encode()

    def log_out():
        request = HttpRequest()
        request.session, request.user = client.session, alice
        logout(request)

    async def scenario():
        leaving = await Reader(EventStream(), "/events/", cookie).opened()
        staying = await Reader(EventStream(), "/events/", other).opened()
        await in_thread(log_out)
        await leaving.end()
        await in_thread(tell, mine(alice))
        await staying.until(lambda r: r.events)
        await staying.leave()
        again = await Reader(EventStream(), "/events/", cookie, last_event_id="1").end()
        return leaving, staying, again

    leaving, staying, again = run(scenario)
    assert leaving.told() == []
    assert [kind for _position, kind in staying.told()] == ["happened"]
    assert again.status == 204


@pytest.mark.parametrize("change", ["password", "is_active", "delete"])
def test_a_changed_password_a_deactivation_or_a_deletion_ends_all_streams(alice, change):
    cookie = cookies_of(alice)

    def apply():
        if change == "delete":
            alice.delete()
            return
        if change == "password":
            alice.set_password("another")
        else:
            alice.is_active = False
        alice.save()

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie).opened()
        await in_thread(apply)
        return await reader.end()

    assert [event.event for event in run(scenario).events] == ["bye"]


def test_what_a_dead_process_left_unsequenced_is_delivered_by_the_tail(alice, monkeypatch):
    monkeypatch.setattr(tail, "HEAL_SECONDS", 0.1)
    cookie = cookies_of(alice)

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie).opened()
        # What a crash between commit and sequencing leaves behind.
        await in_thread(Event.objects.create, channel=mine(alice), kind="orphan")
        await reader.until(lambda r: r.events)
        await reader.leave()
        return reader

    assert run(scenario).told() == [(1, "orphan")]


def test_a_log_that_goes_back_starts_the_streams_over(alice, monkeypatch):
    monkeypatch.setattr(tail, "HEAL_SECONDS", 0.05)
    cookie = cookies_of(alice)
    tell(mine(alice), 5)

    def restore_backup():
        Event.objects.filter(position__gt=2).delete()
        Head.objects.update(position=2)

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie).opened()
        await in_thread(restore_backup)
        await reader.end()
        again = Reader(EventStream(), "/events/", cookie, last_event_id="5")
        await again.until(lambda r: r.events)
        await in_thread(tell, mine(alice))
        await again.until(lambda r: r.told()[-1:] == [(3, "happened")])
        await again.leave()
        return again

    assert run(scenario).events[0].event == "reset"


def terminal_stream(**plan) -> EventStream:
    return EventStream(each(lambda _request, _kwargs: Plan({"order:1": 0}, start=0, **plan)))


def test_a_terminal_event_ends_the_stream_and_coming_back_is_answered_with_204(alice):
    cookie = cookies_of(alice)

    async def scenario():
        waiting = await Reader(terminal_stream(), "/events/", cookie).opened()
        await in_thread(tell, "order:1", 1, "payment.succeeded")
        await in_thread(tell, "order:1", 1, "finish")
        await waiting.end()
        late = await Reader(terminal_stream(), "/events/", cookie).end()
        between = await Reader(terminal_stream(), "/events/", cookie, last_event_id="1").end()
        again = await Reader(terminal_stream(), "/events/", cookie, last_event_id="2").end()
        return waiting, late, between, again

    waiting, late, between, again = run(scenario)
    assert waiting.told() == late.told() == [(1, "payment.succeeded"), (2, "finish")]
    assert [event.event for event in waiting.events] == ["payment.succeeded", "finish"]  # and no "bye" behind it
    assert between.told() == [(2, "finish")]
    assert (again.status, again.body) == (204, b"")


def test_at_its_deadline_a_stream_lets_the_domain_say_the_last_word(alice):
    cookie, called = cookies_of(alice), []

    def expire():
        called.append(time.time())
        tell("order:1", 1, "finish")

    deadline = time.time() + 0.4

    async def scenario():
        return await Reader(terminal_stream(deadline=deadline, at_deadline=expire), "/events/", cookie).end()

    reader = run(scenario)
    assert [event.event for event in reader.events] == ["finish"]
    assert len(called) == 1
    assert called[0] >= deadline


def test_a_domain_that_says_nothing_at_the_deadline_does_not_hold_the_stream(alice, monkeypatch):
    monkeypatch.setattr(connection, "GRACE_SECONDS", 0.1)
    cookie = cookies_of(alice)

    async def scenario():
        plan = {"deadline": time.time() + 0.1, "at_deadline": lambda: None}
        return await Reader(terminal_stream(**plan), "/events/", cookie).end()

    assert [event.event for event in run(scenario).events] == ["bye"]


def test_an_error_in_mid_stream_ends_the_answer_and_is_logged(alice, monkeypatch, caplog):
    """Trap 3: raised into Daphne it would hang this client and stop the reaping of all others."""
    cookie = cookies_of(alice)
    tell(mine(alice), 2)

    def fail(*_, **__):
        raise RuntimeError("the database is away")

    async def scenario():
        monkeypatch.setattr(log, "read", fail)
        reader = await Reader(EventStream(), "/events/", cookie, last_event_id="1").end()
        monkeypatch.undo()
        return reader

    reader = run(scenario)
    assert reader.status == 200
    assert reader.ended
    assert "the database is away" in caplog.text


def test_a_database_that_is_away_at_the_opening_asks_to_come_back_in_the_browsers_terms(alice, monkeypatch, caplog):
    """Trap 22: any answer but 200 makes an EventSource give up for ever."""
    cookie = cookies_of(alice)

    async def scenario():
        monkeypatch.setattr(opening, "authenticate_all", lambda requests: 1 / 0)
        return await Reader(EventStream(), "/events/", cookie).end()

    reader = run(scenario)
    assert reader.status == 200
    assert [event.event for event in reader.events] == ["bye"]
    assert reader.parser.retry >= 5000
    assert "ZeroDivisionError" in caplog.text


def test_leaving_removes_every_trace_of_the_stream(alice):
    cookie = cookies_of(alice)

    async def scenario():
        manager = hub.get_manager()
        before = len(asyncio.all_tasks())
        readers = [await Reader(EventStream(), "/events/", cookie).opened() for _ in range(20)]
        assert len(manager.streams) == 20
        for reader in readers:
            await reader.leave()
        await asyncio.sleep(0)
        return manager, before, len(asyncio.all_tasks())

    manager, before, after = run(scenario)
    assert manager.streams == set()
    assert manager.listeners_by_channel == {}
    assert after == before


def test_a_burst_is_written_at_once(alice):
    cookie = cookies_of(alice)

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie).opened()
        before = reader.writes
        await in_thread(lambda: log.append_all([Event(channel=mine(alice), kind="happened") for _ in range(20)]))
        await reader.until(lambda r: len(r.events) == 20)
        await reader.leave()
        return reader.writes - before

    assert run(scenario) == 2  # the burst, and the end


def test_streams_and_subscriptions_of_strangers_stay_apart(alice):
    bob, cookie = person("bob"), cookies_of(alice)
    subscriptions.subscribe(bob, "author:7")

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie, query="lastEventId=0&channel=author:7").opened()
        for channel in (mine(bob), f"seller:{bob.pk}", "author:7", f"control:{alice.pk}", "order:1001"):
            await in_thread(tell, channel)
        await in_thread(tell, mine(alice), 1, "mine")
        await reader.until(lambda r: r.told()[-1:] and r.told()[-1][1] == "mine")
        await reader.leave()
        return reader

    assert [kind for _position, kind in run(scenario).told()] == ["mine"]
    assert not Subscription.objects.filter(user=alice, channel="author:7").exists()
