"""Numbering on PostgreSQL: no writer waits for another, and none is left behind."""

import threading
from collections.abc import Callable
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from notifications import log
from notifications.log import numbering
from notifications.models import Event, Head

# On SQLite a writer has the whole database to itself.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


def positions() -> list[int | None]:
    return list(Event.objects.order_by("id").values_list("position", flat=True))


@contextmanager
def meanwhile(work: Callable[[], object]):
    """Runs work in a transaction of another connection, which commits when the block ends."""
    done, end = threading.Event(), threading.Event()
    errors: list[BaseException] = []

    def run() -> None:
        try:
            with transaction.atomic():
                work()
                done.set()
                assert end.wait(20)
        except BaseException as error:
            errors.append(error)
        finally:
            done.set()
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert done.wait(20)
    try:
        yield
    finally:
        end.set()
        thread.join(20)
    assert not errors


def lock_head() -> None:
    Head.objects.select_for_update().get(pk=Head.ID)


def test_a_writer_does_not_wait_for_a_locked_head_and_the_next_one_numbers_its_event():
    log.append("a:1", "first")
    with meanwhile(lock_head):
        log.append("a:1", "second")
        assert positions() == [1, None]
    log.append("a:1", "third")
    assert positions() == [1, 2, 3]


def test_a_sequencer_that_had_the_lock_numbers_what_others_committed_meanwhile(monkeypatch):
    original, calls = numbering.number_at_once, []

    def number_at_once(connection):
        calls.append(1)
        if len(calls) == 1:
            # Committed while this process numbers: its writer found the head locked, and went on.
            Event.objects.create(channel="a:1", kind="left to the sequencer")
            numbered = original(connection)
            Event.objects.create(channel="a:1", kind="after the numbering")
            return numbered._replace(is_more=True)
        return original(connection)

    # Makes the head's row, which the tests' flush has deleted.
    log.append("a:1", "first")
    monkeypatch.setattr(numbering, "number_at_once", number_at_once)
    log.append("a:1", "second")
    assert positions() == [1, 2, 3, 4]
    assert len(calls) == 2


def test_the_message_says_whether_more_was_committed_and_whose_turn_it_is():
    log.append("a:1", "first")
    assert numbering.number_at_once(connection)[:3] == (numbering.FREE, [], False)
    Event.objects.create(channel="a:1", kind="second")
    with meanwhile(lock_head):
        assert numbering.number_at_once(connection)[:3] == (numbering.LOCKED, [], True)
    numbered = numbering.number_at_once(connection)
    assert [(event.kind, event.position, event.data) for event in numbered.events] == [("second", 2, {})]
    assert not numbered.is_more
    Head.objects.all().delete()
    assert numbering.number_at_once(connection).head == numbering.MISSING


def test_a_burst_of_more_events_than_one_message_numbers_is_numbered_whole():
    log.append_all(Event(channel="a:1", kind="happened") for _ in range(1201))
    assert positions() == list(range(1, 1202))
    assert log.head() == 1201


def test_a_head_that_is_missing_is_made():
    Head.objects.all().delete()
    log.append("a:1", "first")
    assert positions() == [1]


def test_a_long_transaction_delays_no_other_event_and_gets_its_position_when_it_commits():
    with meanwhile(lambda: log.append("a:1", "long")):
        for _ in range(3):
            log.append("a:1", "short")
        assert [(event.kind, event.position) for event in log.read(0)] == [("short", 1), ("short", 2), ("short", 3)]
    assert [event.kind for event in log.read(3)] == ["long"]


def test_with_serializable_as_the_default_all_events_are_numbered():
    errors: list[BaseException] = []

    def set_default(level: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL {level}")

    def write(name: int) -> None:
        try:
            set_default("SERIALIZABLE")
            for _ in range(10):
                with transaction.atomic():
                    log.append(f"a:{name}", "happened")
        except BaseException as error:
            errors.append(error)
        finally:
            # The connection goes back to the pool.
            set_default("READ COMMITTED")
            connection.close()

    threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not errors
    assert sorted(filter(None, positions())) == list(range(1, 41))


def test_a_failed_message_leaves_a_connection_that_works(monkeypatch, caplog):
    monkeypatch.setattr(numbering, "MESSAGE", numbering.MESSAGE.replace("COMMIT;", "SELECT 1 / 0; COMMIT;"))
    log.append("a:1", "first")
    assert "division by zero" in caplog.text
    with pytest.raises(DatabaseError, match="division by zero"):
        numbering.number_at_once(connection)
    monkeypatch.undo()
    assert positions() == [None]
    log.append("a:1", "second")
    assert positions() == [1, 2]


def test_inside_of_a_transaction_the_message_is_not_sent(monkeypatch):
    monkeypatch.setattr(numbering, "number_at_once", None)
    with transaction.atomic():
        log.append("a:1", "first")
        assert log.sequence() == 1
    assert positions() == [1]


def test_pruning_numbers_the_events_that_were_left_to_it(monkeypatch):
    log.append("a:1", "old")
    original = transaction.atomic

    def atomic(*args, **kwargs):
        if not Event.objects.filter(kind="left").exists():
            Event.objects.create(channel="a:1", kind="left")
        return original(*args, **kwargs)

    monkeypatch.setattr("notifications.log.pruner.transaction.atomic", atomic)
    log.prune(timedelta(seconds=-1))
    monkeypatch.undo()
    assert log.head() == 2
