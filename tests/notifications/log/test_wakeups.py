"""What a wake-up brings need not be read; whatever it does not bring is read, once for all streams."""

import pytest
from django.utils import timezone

from notifications import log
from notifications.log import reader, sequencer, wakeups
from notifications.log.wakeups import Sequenced
from notifications.models import Event
from notifications.stream import EventStream, runtime
from tests.support.asgi import Reader, cookies_of, in_thread, run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_other_way_to_be_woken(settings):
    """Wake-ups of other processes may bring their events too."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    settings.NOTIFICATIONS_WAKE_PROCESSES = False


@pytest.fixture
def reads(monkeypatch):
    """The events that were read from the log."""
    found: list[Event] = []
    original = log.read

    def read(*args, **kwargs):
        events = original(*args, **kwargs)
        found.extend(events)
        return events

    monkeypatch.setattr(log, "read", read)
    return found


def append(channel: str, count: int = 1) -> None:
    for _ in range(count):
        log.append(channel, "happened")


def append_elsewhere(channel: str, count: int = 1) -> None:
    """What another process writes: nobody is woken here."""
    attached, wakeups._tail = wakeups._tail, None
    try:
        append(channel, count)
    finally:
        wakeups._tail = attached


async def opened(cookie: bytes, count: int = 10) -> list[Reader]:
    return [await Reader(EventStream(), "/events/", cookie).opened() for _ in range(count)]


async def received(readers: list[Reader], count: int) -> list[list[int]]:
    for each in readers:
        await each.until(lambda r: len(r.events) >= count)
        await each.leave()
    return [[event.position for event in each.events] for each in readers]


@pytest.mark.parametrize(("write", "read", "poll_seconds"), [(append, 0, 60), (append_elsewhere, 5, 0.2)])
def test_events_of_this_process_are_not_read_and_those_of_others_once_for_all_streams(
    alice, reads, settings, write, read, poll_seconds
):
    # A look at the log between an event's commit and its wake-up would find it too.
    settings.NOTIFICATIONS_POLL_SECONDS = poll_seconds
    cookie = cookies_of(alice)

    async def scenario():
        readers = await opened(cookie)
        await in_thread(write, f"user:{alice.pk}", 5)
        return await received(readers, 5)

    assert run(scenario) == [[1, 2, 3, 4, 5]] * 10
    assert len(reads) == read


def test_a_gap_before_what_a_wake_up_brings_is_read_first(alice, reads):
    cookie = cookies_of(alice)

    async def scenario():
        readers = await opened(cookie, 2)
        await in_thread(append_elsewhere, f"user:{alice.pk}", 3)
        await in_thread(append, f"user:{alice.pk}", 2)
        return await received(readers, 5)

    assert run(scenario) == [[1, 2, 3, 4, 5]] * 2
    assert {event.position for event in reads} >= {1, 2, 3}


def test_more_events_than_a_wake_up_carries_are_read_in_pages(alice, reads, monkeypatch):
    monkeypatch.setattr(sequencer, "MOST_CARRIED", 3)
    monkeypatch.setattr(reader, "READ_LIMIT", 2)
    cookie = cookies_of(alice)

    async def scenario():
        readers = await opened(cookie, 2)
        many = [Event(channel=f"user:{alice.pk}", kind="happened") for _ in range(7)]
        await in_thread(log.append_all, many)
        return await received(readers, 7)

    assert run(scenario) == [[1, 2, 3, 4, 5, 6, 7]] * 2
    assert Event.objects.filter(position__isnull=True).count() == 0


def test_wake_ups_that_come_late_twice_or_out_of_order_deliver_everything_once(alice):
    cookie = cookies_of(alice)

    async def scenario():
        [reader] = await opened(cookie, 1)
        follower = await runtime.running()
        await in_thread(append_elsewhere, f"user:{alice.pk}", 3)
        one, two, three = await in_thread(log.read, 0)
        for events in ([three], [one], [one, two], [two, three], [three], []):
            follower._take(Sequenced(3, events))
        return await received([reader], 3)

    assert run(scenario) == [[1, 2, 3]]


def test_what_goes_through_redis_comes_back_as_it_was():
    log.append("user:1", "order.placed", {"number": 1001, "buyer": "王小明", "amount": "12.50"}, url="/orders/1001/")
    log.append("user:1", "note", "a plain text")
    events = log.read(0)
    back = wakeups.unpacked(wakeups.packed(Sequenced(2, events)))
    assert back.head == 2
    assert [(e.pk, e.position, e.channel, e.kind, e.data, e.url) for e in back.events] == [
        (e.pk, e.position, e.channel, e.kind, e.data, e.url) for e in events
    ]
    # JSON carries milliseconds; so does what streams are sent.
    assert all(
        abs((e.created_at - was.created_at).total_seconds()) < 0.001 for e, was in zip(back.events, events, strict=True)
    )


@pytest.mark.parametrize("events", ["", None, "[]", '[{"id": 1, "channel": "user:1"}]:forged', 7])
def test_events_that_this_site_has_not_signed_are_not_taken(events):
    assert wakeups.unpacked({"position": 7, "events": events}) == Sequenced(7, [])
    assert wakeups.unpacked({"position": 7}) == Sequenced(7, [])


def test_large_events_stay_in_the_log():
    large = Event(
        pk=1, channel="a", kind="b", data={"text": "x" * wakeups.MOST_BYTES}, position=1, created_at=timezone.now()
    )
    assert wakeups.packed(Sequenced(1, [large], "a")) == {"position": 1, "epoch": "a", "events": ""}
