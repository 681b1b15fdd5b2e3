"""Streams while something fails: an error in mid-stream, a database that is away, a log that goes back."""

import pytest

from notifications import log
from notifications.models import Event, Head
from notifications.stream import EventStream, opening, tail
from tests.notifications.stream.events import append, own_channel
from tests.support.asgi import Reader, cookies_of, in_thread, run

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_a_dead_process_left_unsequenced_is_delivered_by_the_tail(alice, monkeypatch):
    monkeypatch.setattr(tail, "HEAL_SECONDS", 0.1)
    cookie = cookies_of(alice)

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie).opened()
        # What a crash between commit and sequencing leaves behind.
        await in_thread(Event.objects.create, channel=own_channel(alice), kind="orphan")
        await reader.until(lambda r: r.events)
        await reader.leave()
        return reader

    assert run(scenario).told() == [(1, "orphan")]


def test_a_log_that_goes_back_starts_the_streams_over(alice, monkeypatch):
    monkeypatch.setattr(tail, "HEAL_SECONDS", 0.05)
    cookie = cookies_of(alice)
    append(own_channel(alice), 5)

    def restore_backup():
        Event.objects.filter(position__gt=2).delete()
        Head.objects.update(position=2)

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie).opened()
        await in_thread(restore_backup)
        await reader.end()
        again = Reader(EventStream(), "/events/", cookie, last_event_id="5")
        await again.until(lambda r: r.events)
        await in_thread(append, own_channel(alice))
        await again.until(lambda r: r.told()[-1:] == [(3, "happened")])
        await again.leave()
        return again

    assert run(scenario).events[0].event == "reset"


def test_an_error_in_mid_stream_ends_the_answer_and_is_logged(alice, monkeypatch, caplog):
    """Trap 3: raised into Daphne it would hang this client and stop the reaping of all others."""
    cookie = cookies_of(alice)
    append(own_channel(alice), 2)

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
