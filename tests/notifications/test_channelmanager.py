"""Who may read which channel; strangers nothing (trap 17: eventstream's default lets anyone read any)."""

import json

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory
from django_eventstream.eventrequest import EventRequest
from django_eventstream.eventstream import EventPermissionError, get_events
from django_eventstream.storage import EventDoesNotExist
from django_eventstream.utils import get_channelmanager, get_storage
from django_eventstream.views import get_listener_manager

from notifications import log, subscriptions
from notifications.channelmanager import LogChannelManager
from notifications.storage import LogStorage
from notifications.stream.hub import Hub
from tests.support.people import order, person, product

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cast():
    return person("alice"), person("bob"), person("charlie")


def test_the_site_uses_the_log_for_all_of_eventstream():
    assert isinstance(get_channelmanager(), LogChannelManager)
    assert isinstance(get_storage(), LogStorage)
    assert isinstance(get_listener_manager(), Hub)


def test_each_channel_is_read_by_whose_it_is_and_by_nobody_else(cast):
    alice, bob, charlie = cast
    subscriptions.subscribe(bob, f"author:{alice.pk}")
    placed = order(bob, product(alice))
    readers = {
        f"user:{alice.pk}": alice,
        f"seller:{alice.pk}": alice,
        f"author:{alice.pk}": bob,
        f"order:{placed.number}": bob,
        f"control:{alice.pk}": None,
        "order:0": None,
        "order:": None,
        "order:x": None,
        "order:" + "9" * 40: None,
        "made:up": None,
        "": None,
    }
    may = get_channelmanager().can_read_channel
    for channel, reader in readers.items():
        for person_ in (alice, bob, charlie):
            assert may(person_, channel) == (person_ == reader), (person_, channel)
        assert not may(AnonymousUser(), channel)
        assert not may(None, channel)


def test_neither_a_muted_nor_a_deactivated_reader_reads(cast):
    alice, bob, _charlie = cast
    may = get_channelmanager().can_read_channel
    subscriptions.subscribe(bob, f"author:{alice.pk}")
    subscriptions.set_muted(bob, f"author:{alice.pk}", muted=True)
    assert not may(bob, f"author:{alice.pk}")
    alice.is_active = False
    assert not may(alice, f"user:{alice.pk}")


def test_eventstreams_own_view_reads_the_log_and_asks_for_permission(cast):
    alice, bob, _charlie = cast
    log.append(f"user:{alice.pk}", "happened", {"n": 1})
    log.append(f"user:{bob.pk}", "happened", {"n": 2})
    request = RequestFactory().get("/", {"lastEventId": f"user%3A{alice.pk}:0"})
    request.user = alice
    answer = get_events(EventRequest(request), user=alice)
    (event,) = answer.channel_items[f"user:{alice.pk}"]
    assert (event.id, event.type, json.loads(event.data)["data"]) == (1, "happened", {"n": 1})
    request = RequestFactory().get("/", {"channel": f"user:{bob.pk}"})
    request.user = alice
    with pytest.raises(EventPermissionError):
        get_events(EventRequest(request), user=alice)


@pytest.mark.parametrize(
    "of_the_url",
    [{"channels": ["user:2"]}, {"channel": "user:2"}, {"format-channels": ["user:{user}"], "user": "2"}],
)
def test_the_channels_of_a_url_are_those_of_eventstreams_own_manager(cast, of_the_url):
    request = RequestFactory().get("/")
    request.user = cast[0]
    assert get_channelmanager().get_channels_for_request(request, of_the_url) == {"user:2"}


def test_the_storage_keeps_eventstreams_contract():
    storage = get_storage()
    assert storage.get_current_id("a:1") == 0
    first = storage.append_event("a:1", "message", '{"n": 1}')
    storage.append_event("b:1", "message", '{"n": 2}')
    third = storage.append_event("a:1", "message", '{"n": 3}')
    assert (first.id, third.id) == (1, 3)
    assert [(event.id, event.data) for event in storage.get_events("a:1", 0)] == [(1, '{"n": 1}'), (3, '{"n": 3}')]
    assert [event.id for event in storage.get_events("a:1", 1, limit=1)] == [3]
    assert storage.get_current_id("a:1") == 3
    with pytest.raises(EventDoesNotExist) as missing:
        storage.get_events("a:1", 99)
    assert missing.value.current_id == 3
