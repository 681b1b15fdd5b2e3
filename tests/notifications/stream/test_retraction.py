"""Streams deliver no retracted event, and tell pages that have it, at its place in the log."""

import json

import pytest

from notifications import log
from notifications.log import wakeups
from notifications.models import Event
from notifications.stream import EventStream, Plan, each, runtime
from tests.notifications.stream.events import append, own_channel
from tests.support.asgi import Reader, cookies_of, in_thread, run

pytestmark = pytest.mark.django_db(transaction=True)


def tell(channel: str, *keys: str) -> None:
    for key in keys:
        log.append(channel, "happened", key=key)


def retracted(reader: Reader) -> list[list[int]]:
    return [json.loads(event.data)["data"]["positions"] for event in reader.events if event.event == "inbox.retracted"]


def test_an_open_stream_receives_the_positions_of_what_was_retracted(alice):
    cookie, channel = cookies_of(alice), own_channel(alice)

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie).opened()
        await in_thread(tell, channel, "one", "two")
        await in_thread(log.retract, "one")
        await in_thread(append, channel, 1, "end")
        await reader.until(lambda r: r.told() and r.told()[-1][1] == "end")
        await reader.leave()
        return reader

    reader = run(scenario)
    assert reader.told() == [(1, "happened"), (2, "happened"), (3, "inbox.retracted"), (4, "end")]
    assert retracted(reader) == [[1]]


@pytest.mark.parametrize("memory", [True, False])
def test_a_stream_that_resumes_receives_no_retracted_event_from_memory_or_log(alice, memory):
    cookie, channel = cookies_of(alice), own_channel(alice)

    async def scenario():
        follower = await runtime.running()
        await in_thread(tell, channel, "one", "two", "three")
        # In memory as it was delivered, before it was retracted.
        await Reader(EventStream(), "/events/", cookie, query="mode=reconnect&lastEventId=0").end()
        await in_thread(log.retract, "two")
        while follower.cursor < 4:
            await Reader(EventStream(), "/events/", cookie, query="mode=reconnect&lastEventId=0").end()
        if not memory:
            follower.backlog.clear()
        return await Reader(EventStream(), "/events/", cookie, query="mode=reconnect&lastEventId=0").end()

    reader = run(scenario)
    assert reader.told() == [(1, "happened"), (3, "happened"), (4, "inbox.retracted")]


@pytest.mark.parametrize("carried", [True, False])
def test_what_was_retracted_before_it_had_a_position_is_never_delivered_and_the_stream_goes_on(
    alice, monkeypatch, carried
):
    """Whether the tail has it from a wake-up or reads it from the log."""
    cookie, channel = cookies_of(alice), own_channel(alice)
    if not carried:
        monkeypatch.setattr(wakeups, "wake", lambda _sequenced: None)

    def retract_early():
        Event.objects.create(channel=channel, kind="happened", key="early")
        log.retract("early")
        append(channel, 1, "end")

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie).opened()
        await in_thread(retract_early)
        await reader.until(lambda r: r.told() and r.told()[-1][1] == "end")
        await reader.leave()
        return reader

    assert run(scenario).told() == [(2, "end")]
    assert Event.objects.get(key="early").position == 1


def test_a_retracted_end_does_not_end_a_stream(alice):
    cookie = cookies_of(alice)
    stream = EventStream(each(lambda _request, _kwargs: Plan({"order:1": 0}, start=0)))
    log.append("order:1", "finish", key="end")
    log.retract("end")

    async def scenario():
        reader = await Reader(stream, "/one/", cookie, last_event_id="1").opened()
        await in_thread(append, "order:1", 1, "finish")
        return await reader.end()

    assert run(scenario).told() == [(2, "inbox.retracted"), (3, "finish")]
