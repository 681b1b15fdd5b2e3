"""Streams that end: terminal events and deadlines."""

import time

import pytest

from notifications.stream import EventStream, Plan, clock, each
from tests.notifications.stream.events import append
from tests.support.asgi import Reader, cookies_of, in_thread, run

pytestmark = pytest.mark.django_db(transaction=True)


def terminal_stream(**plan) -> EventStream:
    return EventStream(each(lambda _request, _kwargs: Plan({"order:1": 0}, start=0, **plan)))


def test_a_terminal_event_ends_the_stream_and_coming_back_is_answered_with_204(alice):
    cookie = cookies_of(alice)

    async def scenario():
        waiting = await Reader(terminal_stream(), "/events/", cookie).opened()
        await in_thread(append, "order:1", 1, "payment.succeeded")
        await in_thread(append, "order:1", 1, "finish")
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
        append("order:1", 1, "finish")

    deadline = time.time() + 0.4

    async def scenario():
        return await Reader(terminal_stream(deadline=deadline, at_deadline=expire), "/events/", cookie).end()

    reader = run(scenario)
    assert [event.event for event in reader.events] == ["finish"]
    assert len(called) == 1
    assert called[0] >= deadline


def test_a_domain_that_says_nothing_at_the_deadline_does_not_hold_the_stream(alice, monkeypatch):
    monkeypatch.setattr(clock, "GRACE_SECONDS", 0.1)
    cookie = cookies_of(alice)

    async def scenario():
        plan = {"deadline": time.time() + 0.1, "at_deadline": lambda: None}
        return await Reader(terminal_stream(**plan), "/events/", cookie).end()

    assert [event.event for event in run(scenario).events] == ["bye"]
