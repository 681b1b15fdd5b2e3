"""Retracting: the log keeps the event, its position and its key, and says at a later position which events were retracted."""

import json
import threading
import time

import pytest
from django.db import connection, transaction

from notifications import log
from notifications.log import retraction, sequencer, wakeups
from notifications.models import Event

pytestmark = pytest.mark.django_db(transaction=True)


def announced() -> list[tuple[int | None, str, list[int]]]:
    """Position, channel and content of each event that announces a retraction."""
    found = Event.objects.filter(kind="inbox.retracted").order_by("position")
    return [(event.position, event.channel, event.data["positions"]) for event in found]


def committed_without_position(*keys: str) -> None:
    """As a process leaves events that dies between its commit and its sequencing."""
    Event.objects.bulk_create([Event(channel="a:1", kind="happened", key=key) for key in keys])


def test_a_retracted_event_keeps_its_place_and_its_key_and_is_announced():
    for key in ("one", "two"):
        log.append("a:1", "happened", key=key)
    assert log.retract("one") == 1
    assert [event.position for event in log.read(0, with_retracted=True)] == [1, 2, 3]
    assert [(event.position, event.kind) for event in log.read(0)] == [(2, "happened"), (3, "inbox.retracted")]
    assert announced() == [(3, "a:1", [1])]
    # A second time, and an unknown key, are nothing; nor is the key free.
    assert (log.retract("one"), log.retract("unknown")) == (0, 0)
    log.append("a:1", "happened", key="one")
    assert log.head() == 3


def test_a_kind_of_a_channel_is_retracted_and_nothing_else():
    for channel, kind in (("a:1", "x"), ("a:1", "y"), ("a:2", "x"), ("a:1", "x")):
        log.append(channel, kind)
    assert log.retract(channel="a:1", kind="x") == 2
    assert announced() == [(5, "a:1", [1, 4])]
    assert [event.position for event in log.read(0)] == [2, 3, 5]


def test_several_channels_are_announced_each_in_its_own():
    for number in range(4):
        log.append(f"a:{number % 2}", "happened", key=str(number))
    assert log.retract("0", "1", "2", "3") == 4
    assert sorted(announced(), key=lambda each: each[1]) == [(5, "a:0", [1, 3]), (6, "a:1", [2, 4])]


@pytest.mark.parametrize(
    ("keys", "where"), [((), {}), (("k",), {"channel": "a:1"}), ((), {"channel": "a:1"}), ((), {"kind": "x"})]
)
def test_too_little_or_too_much_is_refused(keys, where):
    with pytest.raises(ValueError, match="keys, or a channel and a kind"):
        log.retract(*keys, **where)


def test_a_retraction_that_is_rolled_back_leaves_no_trace():
    log.append("a:1", "happened", key="k")
    with pytest.raises(RuntimeError), transaction.atomic():
        log.retract("k")
        raise RuntimeError
    assert (log.head(), len(log.read(0)), announced()) == (1, 1, [])


def test_what_is_appended_and_retracted_in_one_transaction_is_announced_to_nobody():
    with transaction.atomic():
        log.append("a:1", "happened", key="k")
        assert log.retract("k") == 1
    assert (log.read(0), announced(), log.head()) == ([], [], 1)


def test_many_are_retracted_with_few_statements_in_announcements_of_bounded_size(django_assert_max_num_queries):
    log.append_all(Event(channel="a:1", kind="happened", key=str(number)) for number in range(1200))
    with django_assert_max_num_queries(20):
        assert log.retract(*map(str, range(1200))) == 1200
    assert [len(positions) for _position, _channel, positions in announced()] == [500, 500, 200]
    assert sorted(each for _p, _c, positions in announced() for each in positions) == list(range(1, 1201))
    largest = [2**63 - 1] * retraction.MOST_POSITIONS
    assert len(json.dumps({"positions": largest})) <= 16 * 1024


def behind(first, second, *, hold: float = 0.4):
    """Runs `first` in a transaction that stays open for a while, and `second` meanwhile; returns what `second` did."""
    begun, found, errors = threading.Event(), [], []

    def run(work):
        try:
            work()
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    def slow():
        with transaction.atomic():
            first()
            begun.set()
            time.sleep(hold)

    def quick():
        assert begun.wait(20)
        started = time.monotonic()
        found.append(second())
        # It did wait, on either engine: for the row, or for the database.
        assert time.monotonic() - started > hold / 2

    threads = [threading.Thread(target=run, args=(work,)) for work in (slow, quick)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not errors
    return found[0]


def test_a_sequencer_behind_a_retraction_hands_on_the_event_as_retracted():
    committed_without_position("k", "other")
    sequenced = behind(lambda: log.retract("k"), sequencer.give_positions)
    assert [(event.key, event.position, event.retracted_at is not None) for event in sequenced.events] == [
        ("k", 1, True),
        ("other", 2, False),
    ]
    assert announced() == []
    assert [event.key for event in log.read(0)] == ["other"]


def test_a_retraction_behind_a_sequencer_announces_the_position():
    committed_without_position("k", "other")
    assert behind(sequencer.give_positions, lambda: log.retract("k")) == 1
    assert announced() == [(3, "a:1", [1])]


def test_a_wake_up_says_that_an_event_was_retracted_and_of_others_says_nothing():
    committed_without_position("k", "other")
    log.retract("k")
    sequenced = sequencer.give_positions()
    message = wakeups.packed(sequenced)
    assert message["events"].count("retracted_at") == 1
    first, second = wakeups.unpacked(message).events
    retracted_at = Event.objects.get(key="k").retracted_at
    assert first.retracted_at is not None
    assert retracted_at is not None
    # JSON carries milliseconds.
    assert abs((first.retracted_at - retracted_at).total_seconds()) < 0.001
    assert second.retracted_at is None
