"""The log's epoch: a database that was restored from a backup gives positions again, and no reader may miss events for that."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from io import StringIO

import pytest
from django.core.management import call_command

from notifications import log
from notifications.concurrency import and_disconnect
from notifications.log.wakeups import Sequenced, packed, unpacked
from notifications.models import Event, Head
from notifications.stream import EventStream, Plan, each, listener, runtime, tail
from tests.notifications.stream.events import append, cursor_now, own_channel
from tests.support.asgi import WAIT, Reader, cookies_of, in_thread, run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(tail, "HEAL_SECONDS", 0.05)


def restore_backup(through: int) -> None:
    """Puts the log back to where it was when it ended at this position, its epoch too."""
    Event.objects.filter(position__gt=through).delete()
    Head.objects.update(position=through)


async def until_epoch_is_not(follower: tail.Tail, old: str) -> None:
    async with asyncio.timeout(WAIT):
        while follower.epoch == old:  # noqa: ASYNC110  it is no event of anybody's
            await asyncio.sleep(0.01)


async def first_answer(cookie: bytes, cursor: str, application: EventStream | None = None) -> Reader:
    reader = Reader(application or EventStream(), "/events/", cookie, last_event_id=cursor)
    await reader.until(lambda r: r.events or r.ended)
    await reader.leave()
    return reader


def test_a_restored_log_that_has_passed_the_readers_cursor_answers_with_reset(alice):
    """All processes were stopped for the restore, so none has seen the log go back: the command says it."""
    cookie = cookies_of(alice)
    append(own_channel(alice), 5)
    cursor = cursor_now(5)
    restore_backup(2)
    out = StringIO()
    call_command("new_epoch", stdout=out)
    assert out.getvalue() == f"the log has the epoch {log.bounds().epoch}, and ends at 2\n"
    append(own_channel(alice), 6)

    by_id, by_query = run(
        lambda: asyncio.gather(
            first_answer(cookie, cursor),
            Reader(EventStream(), "/events/", cookie, query=f"mode=reconnect&lastEventId={cursor}").end(),
        )
    )
    for reader in (by_id, by_query):
        assert [(event.event, event.id) for event in reader.events] == [("reset", cursor_now(8))]
        assert reader.events[0].json() == {"cursor": 8, "epoch": log.bounds().epoch}
    assert cursor_now(5) != cursor


@pytest.mark.parametrize("cursor", ["zzzzzzzz-3", "a-3", "0-3", "an0epoch0of0a0later0release-3"])
def test_a_cursor_of_an_unknown_epoch_is_answered_with_reset(alice, cursor):
    cookie = cookies_of(alice)
    append(own_channel(alice), 5)
    reader = run(lambda: first_answer(cookie, cursor))
    assert [(event.event, event.id) for event in reader.events] == [("reset", cursor_now(5))]


def test_a_bare_number_of_the_release_before_resumes_and_then_has_an_epoch(alice):
    cookie = cookies_of(alice)
    append(own_channel(alice), 5)

    async def scenario():
        bare = await Reader(EventStream(), "/events/", cookie, query="mode=reconnect&lastEventId=3").end()
        again = Reader(EventStream(), "/events/", cookie, query="mode=reconnect", last_event_id=bare.events[0].id)
        return bare, await again.end()

    bare, again = run(scenario)
    assert [event.id for event in bare.events] == [cursor_now(4), cursor_now(5)]
    assert re.fullmatch("[a-z0-9]{8}-4", bare.events[0].id)
    assert [event.id for event in again.events] == [cursor_now(5)]


@pytest.mark.parametrize(
    "cursor",
    ["-3", "A0000000-3", "k3v9x0ab:3", "k3v9x0ab--3", "k3v9x0ab-", "k3v9x0ab", "k3v9x0ab-1.5", f"{'a' * 33}-3"],
)
def test_a_malformed_cursor_is_refused_with_400(alice, cursor):
    cookie = cookies_of(alice)
    for options in ({"last_event_id": cursor}, {"query": f"lastEventId={cursor}"}):
        reader = run(lambda: Reader(EventStream(), "/events/", cookie, **options).end())  # noqa: B023
        assert reader.status == 400, options


def test_processes_that_renew_the_epoch_at_the_same_time_agree_on_one():
    old = log.begin().epoch
    with ThreadPoolExecutor(8) as threads:
        renewed = list(threads.map(lambda _: and_disconnect(lambda: log.renew_epoch(old)), range(8)))
    assert len({bounds.epoch for bounds in renewed}) == 1
    assert renewed[0] == log.bounds()
    assert renewed[0].epoch != old
    # One that comes late changes nothing.
    assert log.renew_epoch(old) == renewed[0]


@pytest.mark.parametrize("seen_by", ["this process", "another process"])
def test_open_streams_start_over_when_the_log_goes_back(alice, seen_by):
    """Also when the log has passed their cursor by the time they come back."""
    cookie = cookies_of(alice)
    append(own_channel(alice), 5)
    old = log.bounds().epoch

    def restore():
        restore_backup(2)
        if seen_by == "another process":
            log.renew_epoch(old)

    async def scenario():
        follower = await runtime.running()
        reader = await Reader(EventStream(), "/events/", cookie, last_event_id="4").until(lambda r: r.told())
        await in_thread(restore)
        await reader.end()
        await until_epoch_is_not(follower, old)
        await in_thread(append, own_channel(alice), 6)
        again = Reader(EventStream(), "/events/", cookie, last_event_id=reader.parser.last_event_id)
        await again.until(lambda r: r.events)
        await in_thread(append, own_channel(alice))
        await again.until(lambda r: r.told())
        await again.leave()
        return reader, again

    reader, again = run(scenario)
    assert [(event.event, event.id) for event in reader.events] == [("happened", f"{old}-5"), ("bye", f"{old}-5")]
    assert [(event.event, event.id) for event in again.events] == [
        ("reset", cursor_now(8)),
        ("happened", cursor_now(9)),
    ]
    assert log.bounds().epoch != old


@pytest.mark.parametrize("most_pending", [500, 0])
def test_a_stream_of_the_old_epoch_receives_nothing_of_the_new_one(alice, monkeypatch, most_pending):
    """Else its client would come back with a cursor of the new log, of which it has only a part."""
    monkeypatch.setattr(listener, "MAX_PENDING", most_pending)
    cookie, old = cookies_of(alice), log.begin().epoch

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
        reader = Slow(EventStream(), "/events/", cookie)
        await reader.opened()
        await in_thread(append, own_channel(alice))
        await reader.until(lambda r: r.events)
        await in_thread(log.renew_epoch, old)
        await until_epoch_is_not(follower, old)
        await in_thread(append, own_channel(alice))
        async with asyncio.timeout(WAIT):
            while follower.cursor < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        reader.room.set()
        return await reader.end()

    events = run(scenario).events
    assert [(event.event, event.id.partition("-")[0]) for event in events] == [("happened", old), ("bye", old)]


def test_a_process_that_has_not_noticed_the_new_epoch_asks_to_come_back_and_moves_no_cursor(alice, monkeypatch):
    monkeypatch.setattr(tail, "HEAL_SECONDS", 60)
    cookie = cookies_of(alice)

    async def scenario():
        follower = await runtime.running()
        # Behind its first look at the log, in the same thread.
        await follower._in_thread(lambda: None)
        bounds = await in_thread(log.renew_epoch, follower.epoch)
        early = await Reader(EventStream(), "/events/", cookie, last_event_id=f"{bounds.epoch}-0").end()
        # A wake-up of a process that knows it has the tail look.
        await in_thread(append, own_channel(alice))
        async with asyncio.timeout(WAIT):
            while follower.epoch != bounds.epoch:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        late = await Reader(EventStream(), "/events/", cookie, last_event_id=f"{bounds.epoch}-0").until(
            lambda r: r.told()
        )
        await late.leave()
        return early, late

    early, late = run(scenario)
    assert [event.event for event in early.events] == ["bye"]
    assert early.parser.last_event_id == ""
    assert [(event.event, event.id) for event in late.events] == [("happened", cursor_now(1))]


def test_events_in_a_wake_up_of_another_epoch_are_not_delivered(alice):
    cookie = cookies_of(alice)
    event = Event(channel=own_channel(alice), kind="stray", position=1)

    async def scenario():
        follower = await runtime.running()
        reader = await Reader(EventStream(), "/events/", cookie).opened()
        follower._take(Sequenced(1, [event], "zzzzzzzz"))
        await in_thread(append, own_channel(alice))
        await reader.until(lambda r: r.told())
        await reader.leave()
        return reader

    assert run(scenario).told() == [(1, "happened")]
    assert unpacked(packed(Sequenced(1, [], "zzzzzzzz"))) == Sequenced(1, [], "zzzzzzzz")


def test_a_terminal_stream_tells_its_outcome_again_to_a_cursor_of_another_epoch(alice):
    """A cursor past the position of `finish` is no sign that the client has it."""
    cookie = cookies_of(alice)
    application = EventStream(each(lambda _request, _kwargs: Plan({"order:1": 0}, start=0)))
    append("order:1", 3)
    cursor = cursor_now(3)
    restore_backup(1)
    log.renew_epoch(log.bounds().epoch)
    append("order:1", 1, "finish")

    async def scenario():
        again = await Reader(application, "/events/", cookie, last_event_id=cursor).end()
        after = await Reader(application, "/events/", cookie, last_event_id=again.parser.last_event_id).end()
        return again, after

    again, after = run(scenario)
    assert [(event.event, event.position) for event in again.events] == [("reset", 0), ("happened", 1), ("finish", 2)]
    assert after.status == 204


def test_a_log_without_a_head_begins_with_an_epoch():
    Head.objects.all().delete()
    assert log.bounds() == log.Bounds(0, 0, "")
    assert re.fullmatch("[a-z0-9]{8}", log.begin().epoch)
    assert log.begin() == log.bounds()
