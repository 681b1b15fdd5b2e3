"""The log's invariants (docs/design.md, "Invariants")."""

import threading
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from notifications import log
from notifications.models import Event, Head

pytestmark = pytest.mark.django_db(transaction=True)


def positions() -> list[int | None]:
    return list(Event.objects.order_by("id").values_list("position", flat=True))


def test_an_event_gets_its_position_after_commit_and_not_before():
    with transaction.atomic():
        log.append("seller:1", "order.placed", {"number": 1})
        assert positions() == [None]
    assert positions() == [1]
    assert log.head() == 1


def test_outside_a_transaction_an_event_is_positioned_at_once():
    log.append("seller:1", "order.placed")
    assert positions() == [1]


def test_a_rolled_back_transaction_leaves_no_trace():
    def fail():
        with transaction.atomic():
            log.append("seller:1", "order.placed")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    log.append("seller:1", "order.placed")
    assert positions() == [1]


def test_a_rolled_back_savepoint_takes_its_event_along_and_leaves_the_others():
    with transaction.atomic():
        with pytest.raises(RuntimeError), transaction.atomic():
            log.append("a:1", "lost")
            raise RuntimeError
        log.append("a:1", "kept")
        with pytest.raises(RuntimeError), transaction.atomic():
            log.append("a:1", "lost")
            raise RuntimeError
    assert [(event.kind, event.position) for event in log.read(0)] == [("kept", 1)]


def test_positions_have_no_gaps_and_never_change():
    for round_ in range(3):
        with transaction.atomic():
            for _ in range(7):
                log.append(f"a:{round_}", "happened")
        before = positions()
        log.sequence()
        assert positions() == before == list(range(1, 7 * (round_ + 1) + 1))


def test_a_key_is_told_once():
    for _ in range(3):
        log.append("a:1", "happened", key="the cause")
    assert positions() == [1]


def test_a_key_that_is_taken_does_not_harm_the_transaction():
    log.append("a:1", "happened", key="the cause")
    with transaction.atomic():
        log.append("a:1", "happened", key="the cause")
        log.append("a:1", "happened", key="another")
    assert positions() == [1, 2]


def test_many_appends_in_one_transaction_are_sequenced_once():
    with CaptureQueriesContext(connection) as queries, transaction.atomic():
        for _ in range(50):
            log.append("a:1", "happened")
    updates = [query["sql"] for query in queries if query["sql"].startswith("UPDATE")]
    assert len(updates) == 2, updates  # the rows, and the head
    assert positions() == list(range(1, 51))


def test_appending_and_sequencing_takes_at_most_six_queries():
    with transaction.atomic():
        Head.objects.exists()
        with CaptureQueriesContext(connection) as appending:
            log.append("a:1", "happened", {"n": 1}, url="/", key="k")
    Event.objects.update(position=None)
    Head.objects.update(position=0)
    with CaptureQueriesContext(connection) as sequencing:
        log.sequence()
    queries = [query["sql"] for query in (*appending.captured_queries, *sequencing.captured_queries)]
    assert len(queries) <= 6, "\n".join(queries)  # BEGIN and COMMIT are among them


def test_what_a_dead_process_left_unsequenced_is_picked_up_by_the_next():
    log.append("a:1", "first")
    # What a crash between commit and sequencing leaves behind.
    Event.objects.create(channel="a:1", kind="orphan")
    assert not log.is_sequenced()
    log.append("a:1", "third")
    assert [(event.kind, event.position) for event in log.read(0)] == [("first", 1), ("orphan", 2), ("third", 3)]
    assert log.is_sequenced()


def test_writers_in_many_threads_neither_lose_nor_repeat_a_position():
    errors: list[BaseException] = []

    def write(name: int) -> None:
        try:
            for number in range(10):
                with transaction.atomic():
                    log.append(f"a:{name}", "happened", {"number": number})
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write, args=(name,)) for name in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert sorted(filter(None, positions())) == list(range(1, 61))
    for name in range(6):
        numbers = [event.data["number"] for event in log.read(0, channels=[f"a:{name}"])]
        assert numbers == list(range(10))


def test_reading_is_by_position_within_bounds_and_channels():
    for number in range(6):
        log.append(f"a:{number % 2}", "happened", {"number": number})
    assert [event.position for event in log.read(1, through=5, channels=["a:0"])] == [3, 5]
    assert [event.position for event in log.read(0, limit=2)] == [1, 2]
    assert log.read(6) == []


def test_a_failing_sequencing_does_not_fail_the_caller(monkeypatch, caplog):
    def fail(**_):
        raise RuntimeError("no lock to be had")

    monkeypatch.setattr(log, "give_positions", fail)
    with transaction.atomic():
        log.append("a:1", "happened")
    assert positions() == [None]
    assert "no lock to be had" in caplog.text
    monkeypatch.undo()
    log.append("a:1", "happened")
    assert positions() == [1, 2]


def test_pruning_deletes_what_is_old_and_moves_the_horizon():
    for _ in range(4):
        log.append("a:1", "happened")
    Event.objects.filter(position__lte=3).update(created_at=timezone.now() - timedelta(days=10))
    assert log.prune(timedelta(days=5)) == 3
    assert log.bounds() == (4, 3)
    assert positions() == [4]
    assert log.prune(timedelta(days=5)) == 0
    log.append("a:1", "happened")
    assert positions() == [4, 5]


def test_pruning_everything_keeps_the_count(monkeypatch):
    monkeypatch.setattr(log, "PRUNE_CHUNK", 2)
    for _ in range(5):
        log.append("a:1", "happened")
    assert log.prune(timedelta(seconds=-1)) == 5
    assert log.bounds() == (5, 5)
    log.append("a:1", "happened")
    assert positions() == [6]


def test_the_database_holds_what_must_hold():
    log.append("a:1", "happened")
    for wrong in ({"channel": ""}, {"kind": ""}, {"position": 0}, {"position": 1}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Event.objects.create(**{"channel": "a:1", "kind": "happened", **wrong})
    with pytest.raises(IntegrityError), transaction.atomic():
        Head.objects.update(horizon=2)
