"""The log's invariants (docs/design.md, "Invariants")."""

import asyncio
import threading
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.db import IntegrityError, OperationalError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from notifications import log
from notifications.log import pruner, sequencer
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


def test_a_key_that_comes_twice_in_one_call_is_told_once_and_the_others_keep_their_order():
    log.append("a:1", "happened", {"number": 0}, key="k0")
    # More than SQLite takes in one statement.
    numbers = list(range(400))
    log.append_all(
        Event(channel="a:1", kind="happened", data={"number": number}, key=f"k{number % 300}") for number in numbers
    )
    assert [event.data["number"] for event in log.read(0)] == list(range(300))


def in_two_transactions_at_once(first: list[str], second: list[str]) -> list[str]:
    """Appends these keys, both transactions open at once where the database allows it; returns who was refused."""
    meeting = threading.Barrier(2)
    refused: list[str] = []
    errors: list[BaseException] = []

    def tell(keys: list[str]) -> None:
        try:
            with transaction.atomic():
                for key in keys:
                    log.append("a:1", "happened", key=key)
                    # On SQLite the other is not let in before this one is done.
                    if connection.vendor == "postgresql" and key == keys[0]:
                        meeting.wait(20)
        except OperationalError as error:
            refused.append(str(error))
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=tell, args=(keys,)) for keys in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not errors
    assert not any(thread.is_alive() for thread in threads)
    return refused


def test_a_key_that_is_in_the_log_makes_nobody_wait_for_it():
    for key in ("one", "two"):
        log.append("a:1", "happened", key=key)
    # With the rows locked each would wait for the other: a deadlock.
    assert not in_two_transactions_at_once(["one", "two"], ["two", "one"])
    assert positions() == [1, 2]


def test_new_keys_told_in_opposite_orders_at_once_are_told_by_one_and_never_by_halves():
    refused = in_two_transactions_at_once(["one", "two"], ["two", "one"])
    # A new key waits for the transaction that is writing it, as with any unique key: PostgreSQL ends one of the two.
    assert all("deadlock detected" in reason for reason in refused)
    assert len(refused) == (connection.vendor == "postgresql")
    assert set(Event.objects.values_list("key", flat=True)) == {"one", "two"}
    assert positions() == [1, 2]


def test_an_event_whose_id_is_taken_is_never_dropped_in_silence():
    """Sequences are behind after a restore of the data alone, and after a crash of a database copied from a template."""
    log.append("a:1", "first", key="one")
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT setval(pg_get_serial_sequence('notifications_event', 'id'), 1, false)")
            Event.objects.update(id=1)
            with pytest.raises(IntegrityError):
                log.append("a:1", "second", key="two")
        else:
            cursor.execute("UPDATE sqlite_sequence SET seq = 0 WHERE name = 'notifications_event'")
    # SQLite passes ids by that are taken; PostgreSQL's sequence is past this one now.
    log.append("a:1", "second", key="two")
    assert [(event.kind, event.position) for event in log.read(0)] == [("first", 1), ("second", 2)]


def test_many_appends_in_one_transaction_are_sequenced_once():
    with CaptureQueriesContext(connection) as queries, transaction.atomic():
        for _ in range(50):
            log.append("a:1", "happened")
    statements = [query["sql"] for query in queries]
    if connection.vendor == "postgresql":
        assert len([statement for statement in statements if statement.startswith("CALL")]) == 1
    else:
        updates = [statement for statement in statements if statement.startswith("UPDATE")]
        assert len(updates) == 2, updates  # the rows, and the head
    assert positions() == list(range(1, 51))


def test_appending_and_sequencing_takes_few_queries():
    with transaction.atomic():
        Head.objects.exists()
        with CaptureQueriesContext(connection) as appending:
            log.append("a:1", "happened", {"n": 1}, url="/", key="k")
    Event.objects.update(position=None)
    Head.objects.update(position=0)
    with CaptureQueriesContext(connection) as sequencing:
        log.sequence()
    queries = [query["sql"] for query in (*appending.captured_queries, *sequencing.captured_queries)]
    # BEGIN and COMMIT are among them. On PostgreSQL it is sequence() that sets the isolation level: a commit calls the procedure.
    most = 7 if connection.vendor == "postgresql" else 6
    assert len(queries) <= most, "\n".join(queries)


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
    def fail(*_, **__):
        raise RuntimeError("no lock to be had")

    monkeypatch.setattr(sequencer, "sequence_committed", fail)
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
    assert log.bounds()[:2] == (4, 3)
    assert positions() == [4]
    assert log.prune(timedelta(days=5)) == 0
    log.append("a:1", "happened")
    assert positions() == [4, 5]


def test_pruning_everything_keeps_the_count(monkeypatch):
    monkeypatch.setattr(pruner, "PRUNE_CHUNK", 2)
    for _ in range(5):
        log.append("a:1", "happened")
    assert log.prune(timedelta(seconds=-1)) == 5
    assert log.bounds()[:2] == (5, 5)
    log.append("a:1", "happened")
    assert positions() == [6]


def test_the_database_holds_what_must_hold():
    log.append("a:1", "happened")
    for wrong in ({"channel": ""}, {"kind": ""}, {"position": 0}, {"position": 1}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Event.objects.create(**{"channel": "a:1", "kind": "happened", **wrong})
    with pytest.raises(IntegrityError), transaction.atomic():
        Head.objects.update(horizon=2)


def test_coroutines_append_too():
    async def append() -> None:
        await asyncio.gather(*(log.aappend("a:1", "happened", {"n": number}, key=f"n{number}") for number in range(5)))
        await log.aappend("a:1", "happened", key="n0")
        await log.aappend_all(Event(channel="a:1", kind="happened", data={"n": number}) for number in (5, 6))
        with pytest.raises(ValueError, match="kind"):
            await log.aappend("a:1", "")

    async_to_sync(append)()
    assert sorted(event.data["n"] for event in log.read(0)) == list(range(7))
    assert [event.position for event in log.read(0)] == list(range(1, 8))
