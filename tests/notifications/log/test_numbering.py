"""Numbering on PostgreSQL: no writer waits for another, and none is left behind."""

import threading
from collections.abc import Callable
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from notifications import log
from notifications.log import cursors, numbering
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

    def number_at_once(*arguments, **options):
        calls.append(1)
        if len(calls) == 1:
            # Committed while this process numbers: its writer found the head locked, and went on.
            Event.objects.create(channel="a:1", kind="left to the sequencer")
            numbered = original(*arguments, **options)
            Event.objects.create(channel="a:1", kind="after the numbering")
            assert numbered
            return numbered._replace(is_more=True)
        return original(*arguments, **options)

    # Makes the head's row, which the tests' flush has deleted.
    log.append("a:1", "first")
    monkeypatch.setattr(numbering, "number_at_once", number_at_once)
    log.append("a:1", "second")
    assert positions() == [1, 2, 3, 4]
    assert len(calls) == 2


def number() -> numbering.Numbered:
    numbered = numbering.number_at_once(connection, 100, sender="")
    assert numbered
    return numbered


def test_the_call_says_whether_more_was_committed_and_whose_turn_it_is():
    log.append("a:1", "first")
    assert number() == (numbering.FREE, 0, "", [], False)
    Event.objects.create(channel="a:1", kind="second")
    with meanwhile(lock_head):
        assert number() == (numbering.LOCKED, 0, "", [], False)
    numbered = number()
    assert [(event.kind, event.position, event.data) for event in numbered.events or []] == [("second", 2, {})]
    assert (numbered.state, numbered.head, numbered.epoch) == (numbering.FREE, 2, log.bounds().epoch)
    assert not numbered.is_more
    Event.objects.create(channel="a:1", kind="third")
    Head.objects.all().delete()
    assert number().state == numbering.MISSING


def test_the_events_of_a_call_are_those_of_the_log():
    Event.objects.create(channel="a:1", kind="happened", data={"name": "王小明", "amount": 12.5}, url="/a/", key="a")
    Event.objects.create(channel="a:1", kind="retracted", data="a text", retracted_at=timezone.now())
    log.append("a:1", "last")
    Event.objects.update(position=None)
    events = number().events or []
    stored = list(Event.objects.order_by("position").values())
    assert [{name: value for name, value in vars(event).items() if name != "_state"} for event in events] == stored
    assert [event["kind"] for event in stored] == ["happened", "retracted", "last"]


def test_more_events_than_are_asked_for_are_left_to_be_read():
    Event.objects.bulk_create(Event(channel="a:1", kind="happened") for _ in range(3))
    Head.objects.get_or_create(pk=Head.ID)
    numbered = numbering.number_at_once(connection, 2, sender="")
    assert numbered
    assert (numbered.head, numbered.events) == (3, None)
    assert positions() == [1, 2, 3]


def test_a_burst_of_more_events_than_one_message_numbers_is_numbered_whole():
    log.append_all(Event(channel="a:1", kind="happened") for _ in range(1201))
    assert positions() == list(range(1, 1202))
    assert log.head() == 1201


def test_a_head_that_is_missing_is_made():
    Head.objects.all().delete()
    log.append("a:1", "first")
    assert positions() == [1]


def test_of_two_sequencers_without_a_head_both_number_behind_the_last_position(monkeypatch):
    log.append_all(Event(channel="a:1", kind="happened") for _ in range(3))
    Head.objects.all().delete()
    original, name = cursors.make_head, "notifications.log.sequencer.make_head"

    def append() -> None:
        log.append("a:1", "of the other")
        connection.close()

    def make_head(alias: str) -> None:
        # Between the look and the insert of this sequencer another one makes the head, numbers, and commits.
        monkeypatch.setattr(name, original)
        thread = threading.Thread(target=append)
        thread.start()
        thread.join(20)
        original(alias)

    monkeypatch.setattr(name, make_head)
    log.append("a:1", "of this one")
    log.append("a:1", "next")
    assert positions() == [1, 2, 3, 4, 5, 6]
    assert log.head() == 6


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


def test_a_failed_call_leaves_a_connection_that_works(monkeypatch, caplog):
    monkeypatch.setattr(numbering, "CALL", numbering.CALL.replace("%s, %s", "%s / 0, %s"))
    log.append("a:1", "first")
    assert "division by zero" in caplog.text
    with pytest.raises(DatabaseError, match="division by zero"):
        number()
    monkeypatch.undo()
    assert positions() == [None]
    log.append("a:1", "second")
    assert positions() == [1, 2]


def test_a_database_that_was_made_without_the_migrations_is_numbered_too(monkeypatch):
    monkeypatch.setattr(numbering, "CALL", numbering.CALL.replace("number_events", "missing"))
    log.append("a:1", "first")
    assert numbering.number_at_once(connection, 0, sender="") is None
    assert positions() == [1]


def test_inside_of_a_transaction_the_procedure_is_not_called(monkeypatch):
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
