"""The hub is a listener manager of django-eventstream: its own view's listeners and kick() work beside our streams."""

import asyncio
import json

import pytest
from django_eventstream import channel_permission_changed, send_event
from django_eventstream.event import Event as PlainEvent
from django_eventstream.views import Listener, get_listener_manager

from notifications import subscriptions
from notifications.models import Subscription
from notifications.stream import EventStream
from notifications.stream.hub import Hub
from notifications.stream.listener import Ending, StreamListener
from tests.notifications.stream.events import append, own_channel
from tests.support.asgi import Reader, cookies_of, in_thread, run

pytestmark = pytest.mark.django_db(transaction=True)


def plain_listener(user, *channels: str) -> Listener:
    """What eventstream's own view makes of a request."""
    listener = Listener()
    listener.assign_loop()
    listener.user_id, listener.channels = user.pk, set(channels)
    return listener


def test_a_listener_of_eventstreams_own_view_gets_what_our_streams_get_with_the_positions_of_the_log(alice):
    cookie, channel = cookies_of(alice), own_channel(alice)

    async def scenario():
        hub = get_listener_manager()
        reader = await Reader(EventStream(), "/events/", cookie).opened()
        plain = plain_listener(alice, channel)
        hub.add_listener(plain)
        await in_thread(append, channel)
        await in_thread(send_event, channel, "message", {"n": 1})
        await reader.until(lambda r: len(r.events) == 2)
        await asyncio.wait_for(plain.aevent.wait(), 5)
        hub.remove_listener(plain)
        await reader.leave()
        return reader, plain, hub

    reader, plain, hub = run(scenario)
    events = plain.channel_items[channel]
    assert reader.told() == [(event.id, event.type) for event in events] == [(1, "happened"), (2, "message")]
    assert [json.loads(event.data) for event in events] == [event.json() for event in reader.events]
    assert hub.listeners_by_channel == {}


def test_an_event_that_is_not_in_the_log_reaches_eventstreams_own_listeners_alone(alice):
    """As send_event() passes it on without a storage."""
    cookie, channel = cookies_of(alice), own_channel(alice)

    async def scenario():
        hub = get_listener_manager()
        reader = await Reader(EventStream(), "/events/", cookie).opened()
        plain = plain_listener(alice, channel)
        hub.add_listener(plain)
        hub.add_to_queues(channel, PlainEvent(channel, "passing", "{}"))
        # In the log: it comes from there, and nobody may bring it before.
        hub.add_to_queues(channel, PlainEvent(channel, "early", "{}", id=7))
        await in_thread(append, channel)
        await reader.until(lambda r: r.events)
        hub.remove_listener(plain)
        await reader.leave()
        return reader, plain

    reader, plain = run(scenario)
    assert reader.told() == [(1, "happened")]
    assert [event.type for event in plain.channel_items[channel]] == ["passing", "happened"]


def test_a_kick_has_the_stream_look_up_what_its_person_may_read(alice):
    """Eventstream kicks when its channel manager says that a permission was withdrawn."""
    cookie = cookies_of(alice)
    subscriptions.subscribe(alice, "author:7")

    def withdraw():
        Subscription.objects.filter(user=alice, channel="author:7").delete()
        channel_permission_changed(alice, "author:7")

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie).opened()
        await in_thread(append, "author:7", 1, "before")
        await reader.until(lambda r: r.events)
        await in_thread(withdraw)
        hub = get_listener_manager()
        async with asyncio.timeout(5):
            while "author:7" in hub.listeners_by_channel:  # noqa: ASYNC110  the stream looks it up in a thread
                await asyncio.sleep(0.01)
        await in_thread(append, "author:7", 1, "after")
        await in_thread(append, own_channel(alice), 1, "end")
        await reader.until(lambda r: r.told()[-1][1] == "end")
        await reader.leave()
        return [kind for _position, kind in reader.told()]

    assert run(scenario) == ["before", "end"]


def test_a_stream_has_all_that_eventstreams_manager_uses_of_a_listener(alice):
    async def scenario():
        stream = StreamListener(alice.pk, "", {"a:1": 0})
        missing = [name for name in vars(Listener()) if not hasattr(stream, name)]
        hub = Hub()
        hub.add_listener(stream)
        found = set(hub.listeners_by_channel)
        hub.join(stream, "b:1", 3)
        hub.leave(stream, "a:1")
        changed = set(hub.listeners_by_channel)
        hub.remove_listener(stream)
        return missing, found, changed, hub.listeners_by_channel

    missing, found, changed, left = asyncio.run(scenario())
    assert missing == []
    assert found == {"a:1", f"control:{alice.pk}"}
    assert changed == {"b:1", f"control:{alice.pk}"}
    assert left == {}


def test_a_stronger_reason_to_end_replaces_a_weaker_one_and_not_the_other_way(alice):
    async def scenario():
        stream = StreamListener(alice.pk, "", {})
        found = [stream.ending]
        for ending in (Ending.CLOSED, Ending.FINISHED, Ending.CLOSED, Ending.LEFT, Ending.FINISHED):
            stream.close(ending)
            found.append(stream.ending)
        return found

    expected = [Ending.NONE, Ending.CLOSED, Ending.FINISHED, Ending.FINISHED, Ending.LEFT, Ending.LEFT]
    assert asyncio.run(scenario()) == expected
