"""One consumer in one process: what it is given, what moves its cursor, what becomes of an event that fails."""

import logging
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from notifications import log, metrics
from notifications.consumers import Batch, Consumer, Interrupted, TryLater, consumer, registry
from notifications.consumers.lease import Lease, LeaseLost
from notifications.consumers.runner import drain
from notifications.consumers.worker import IDLE, ConsumerWorker
from notifications.models import ConsumerCursor, Event, Head

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def consumers(monkeypatch):
    """The registry, with the consumers of this test alone."""
    found: dict[str, Consumer] = {}
    monkeypatch.setattr(registry, "_consumers", found)
    return found


class Taker:
    """A function that keeps what it was given, and fails as it is told."""

    def __init__(self):
        self.calls: list[list[str]] = []
        self.fails = lambda event: None

    def __call__(self, batch: Batch) -> None:
        self.calls.append([event.kind for event in batch])
        for event in batch:
            self.fails(event)

    @property
    def kinds(self) -> list[str]:
        return [kind for call in self.calls for kind in call]


def made(handle, holder: str = "here", **options) -> ConsumerWorker:
    """A worker whose cursor is at the log's end."""
    worker = ConsumerWorker(Consumer("mine", handle, **options), holder)
    worker.step()
    return worker


def tell(*kinds: str, key: str | None = None) -> None:
    log.append_all([Event(channel="user:1", kind=kind, key=key) for kind in kinds])


def go_on(worker: ConsumerWorker, steps: int = 50) -> float:
    """Steps until there is nothing more; the pauses between tries are left out."""
    for _ in range(steps):
        if (pause := worker.step()) == IDLE:
            return pause
        ConsumerCursor.objects.update(retry_at=None)
    raise AssertionError("it does not get to the end")


def row() -> Any:
    return ConsumerCursor.objects.get()


def sample(metric) -> float:
    return next(s.value for f in metric.collect() for s in f.samples if s.labels == {"consumer": "mine"})


def test_a_new_consumer_begins_at_the_head_or_where_it_asks_to():
    tell("before")
    late, early = Taker(), Taker()
    go_on(ConsumerWorker(Consumer("late", late), "here"))
    go_on(ConsumerWorker(Consumer("early", early, start="beginning"), "here"))
    assert (late.kinds, early.kinds) == ([], ["before"])


def test_events_come_in_batches_in_the_order_of_the_log_and_once():
    taker = Taker()
    worker = made(taker, batch=2)
    tell("a", "b", "c")
    go_on(worker)
    assert taker.calls == [["a", "b"], ["c"]]
    assert go_on(worker) == IDLE
    assert taker.calls == [["a", "b"], ["c"]]
    assert (row().position, row().error) == (log.head(), "")


def test_kinds_choose_the_events_and_the_cursor_passes_the_others():
    taker = Taker()
    worker = made(taker, kinds=lambda: ["b"])
    tell("a", "b", "a")
    log.append("control:1", "b")
    go_on(worker)
    assert taker.kinds == ["b"]
    assert row().position == log.head()


def test_a_retraction_is_seen_and_an_event_that_was_retracted_before_is_not():
    taker = Taker()
    worker = made(taker)
    tell("sent", key="sent")
    go_on(worker)
    log.retract("sent")
    tell("unsent", key="unsent")
    log.retract("unsent")
    go_on(worker)
    assert taker.kinds == ["sent", "inbox.retracted", "inbox.retracted"]


def test_a_poisonous_event_is_set_aside_after_its_tries_and_stops_no_other(caplog):
    taker = Taker()
    worker = made(taker, attempts=3)

    def poison(event):
        if event.kind == "bad":
            raise ValueError("no such\nthing")

    taker.fails = poison
    failures, aside = (sample(m) if row_has(m) else 0 for m in (metrics.CONSUMER_FAILURES, metrics.SET_ASIDE))
    tell("a", "bad", "c")
    with caplog.at_level(logging.WARNING, "notifications.consumers"):
        go_on(worker)
    assert taker.calls == [["a", "bad", "c"], ["a"], ["bad"], ["bad"], ["bad"], ["c"]]
    assert sample(metrics.CONSUMER_FAILURES) - failures == 4
    assert sample(metrics.SET_ASIDE) - aside == 1
    assert (row().set_aside, row().position, row().tries) == (1, log.head(), 0)
    position = Event.objects.get(kind="bad").position
    assert f"set aside the event {position} of the channel user:1 (bad) after 3 tries: ValueError: no such thing" in (
        caplog.text
    )


def row_has(metric) -> bool:
    return any(s.labels == {"consumer": "mine"} for f in metric.collect() for s in f.samples)


def test_the_tries_of_an_event_have_growing_pauses_within_which_it_is_left_alone():
    taker = Taker()
    worker = made(taker)

    def fail(event):
        raise ValueError

    taker.fails = fail
    tell("bad")
    pauses = []
    for _ in range(4):
        assert worker.step() == 0
        pauses.append((row().retry_at - timezone.now()).total_seconds())
        calls = len(taker.calls)
        assert 0 < worker.step() <= pauses[-1] + 1
        assert len(taker.calls) == calls
        ConsumerCursor.objects.update(retry_at=timezone.now() - timedelta(seconds=1))
    assert [round(pause * 2) / 2 for pause in pauses] == [0.5, 1, 2, 4]


def test_a_function_that_cannot_work_now_loses_no_event_however_often_it_says_so():
    taker = Taker()
    worker = made(taker, attempts=2)

    def later(event):
        raise TryLater("the mail server is down", 30)

    taker.fails = later
    tell("a", "b")
    for _ in range(5):
        assert worker.step() == 0
        assert 29 < worker.step() <= 30
        ConsumerCursor.objects.update(retry_at=None)
    assert taker.calls == [["a", "b"]] * 5
    taker.fails = lambda event: None
    go_on(worker)
    assert taker.calls == [["a", "b"]] * 6
    assert row().set_aside == 0


def test_an_event_whose_process_dies_in_each_try_is_set_aside_too(caplog):
    """A SystemExit of the function stands for the kill; test_deliver.py has the real one."""
    taker = Taker()
    worker = made(taker, attempts=2)

    def die(event):
        if event.kind == "killer":
            raise SystemExit

    taker.fails = die
    tell("a", "killer", "c")
    for _ in range(4):
        try:
            go_on(worker)
        except SystemExit:
            worker = ConsumerWorker(worker.consumer, "here")
    assert taker.calls == [["a", "killer", "c"], ["a"], ["killer"], ["killer"], ["c"]]
    assert "after 2 tries: the process ended in each try" in caplog.text


def test_two_processes_never_hold_a_consumer_at_once_and_the_second_takes_over_once_the_lease_has_expired():
    first, second = Taker(), Taker()
    one = made(first, "one")
    two = ConsumerWorker(Consumer("mine", second), "two")
    tell("a")
    assert 0 < two.step() < IDLE
    go_on(one)
    ConsumerCursor.objects.update(held_until=timezone.now() - timedelta(seconds=1))
    tell("b")
    two = ConsumerWorker(Consumer("mine", second), "two")
    go_on(two)
    assert (first.kinds, second.kinds) == (["a"], ["b"])
    # The first one, which was only stopped for so long, moves nothing any more.
    tell("c")
    assert 0 < one.step() < IDLE
    assert first.kinds == ["a"]
    go_on(two)
    two.release()
    tell("d")
    one = ConsumerWorker(Consumer("mine", first), "one")
    go_on(one)
    assert (first.kinds, second.kinds) == (["a", "d"], ["b", "c"])


def test_a_lease_that_is_lost_while_the_function_works_moves_no_cursor(caplog):
    taker = Taker()
    worker = made(taker, "one")

    def steal(event):
        ConsumerCursor.objects.update(holder="two", held_until=timezone.now() + timedelta(minutes=1))

    taker.fails = steal
    before = row().position
    tell("a")
    assert worker.step() > 0
    assert (row().position, row().holder) == (before, "two")
    assert "goes on in another process" in caplog.text


def test_a_renewed_lease_is_not_taken_and_a_lost_one_is_not_renewed():
    mine, other = (Lease(Consumer("mine", Taker()), name) for name in ("one", "two"))
    bounds = log.begin()
    cursor = mine.take(bounds)
    assert cursor is not None
    until = row().held_until
    assert mine.renew()
    assert row().held_until > until
    assert other.take(bounds) is None
    assert not other.renew()
    ConsumerCursor.objects.update(held_until=timezone.now() - timedelta(seconds=1))
    assert Lease(mine.consumer, "three").take(bounds) is not None
    assert not mine.renew()
    with pytest.raises(LeaseLost):
        mine.store(cursor, position=cursor.position + 1)
    mine.release()
    assert row().holder == "three"


def test_a_restored_log_is_gone_on_with_from_the_cursor_that_was_restored_with_it():
    taker = Taker()
    worker = made(taker)
    tell("a", "b")
    go_on(worker)
    # The backup was made when the consumer had `a`, and the log ended with `b`; `c` was lost.
    saved = Event.objects.get(kind="a").position
    tell("c")
    Event.objects.filter(kind="c").delete()
    Head.objects.update(position=Event.objects.get(kind="b").position)
    ConsumerCursor.objects.update(position=saved, begun=saved)
    call_command("new_epoch", stdout=StringIO())
    tell("d")
    go_on(worker)
    assert taker.kinds == ["a", "b", "b", "d"]
    assert row().epoch == log.bounds().epoch


def test_a_cursor_past_the_end_of_a_new_epoch_begins_at_its_head():
    taker = Taker()
    worker = made(taker)
    tell("a", "b")
    go_on(worker)
    Event.objects.all().delete()
    Head.objects.update(position=0, epoch="another")
    go_on(worker)
    tell("c")
    go_on(worker)
    assert taker.kinds == ["a", "b", "c"]


def test_pruned_events_are_named_and_do_not_stop_it(caplog):
    taker = Taker()
    worker = made(taker)
    tell("a")
    go_on(worker)
    tell("old")
    Event.objects.update(created_at=timezone.now() - timedelta(days=400))
    log.prune(timedelta(days=30))
    tell("new")
    go_on(worker)
    assert taker.kinds == ["a", "new"]
    assert "may have been pruned before the consumer mine had them" in caplog.text


def test_progress_is_stored_with_the_work_and_survives_the_process():
    seen = []

    def work(batch):
        assert len(batch) == 1
        for number in range(batch.progress, 5):
            with transaction.atomic():
                log.append("user:9", f"work.{number}")
                batch.save_progress(number + 1)
            seen.append(number)
            if number == 2 and len(seen) == 3:
                raise SystemExit

    worker = made(work, batch=1, kinds=["big"])
    tell("big")
    with pytest.raises(SystemExit):
        worker.step()
    assert (row().progress, row().tries) == (3, 1)
    go_on(ConsumerWorker(worker.consumer, "here"))
    assert seen == [0, 1, 2, 3, 4]
    assert Event.objects.filter(kind__startswith="work.").count() == 5
    assert row().progress == 0


def test_progress_that_was_rolled_back_with_a_failure_does_not_keep_the_event_for_ever():
    calls = []

    def work(batch):
        calls.append(batch.progress)
        with transaction.atomic():
            batch.save_progress(7)
            raise ValueError

    worker = made(work, batch=1, attempts=3)
    tell("bad")
    go_on(worker)
    assert calls == [0, 0, 0]
    assert row().set_aside == 1


def test_a_process_that_ends_interrupts_the_function_where_it_stores_its_progress():
    calls = []

    def work(batch):
        calls.append(batch.progress)
        with transaction.atomic():
            log.append("user:9", "work")
            batch.save_progress(1)

    worker = made(work, batch=1, kinds=["big"])
    tell("big")
    worker.is_ending = True
    worker.step()
    assert not Event.objects.filter(kind="work").exists()
    assert row().tries == 0
    worker.is_ending = False
    go_on(worker)
    assert calls == [0, 0]
    with pytest.raises(ValueError, match="batch=1"):
        Batch([]).save_progress(1)
    assert issubclass(LeaseLost, Interrupted)


def test_the_lag_is_that_of_the_events_it_wants():
    taker = Taker()
    worker = made(taker, kinds=["wanted"])

    def fail(event):
        raise ValueError

    taker.fails = fail
    tell("wanted", "other")
    Event.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    worker.step()
    worker.step()
    assert sample(metrics.CONSUMER_LAG) == 2
    assert 60 <= sample(metrics.CONSUMER_SECONDS) < 90
    taker.fails = lambda event: None
    go_on(worker)
    assert (sample(metrics.CONSUMER_LAG), sample(metrics.CONSUMER_SECONDS)) == (0, 0)


def test_an_idle_consumer_writes_nothing(django_assert_num_queries):
    worker = made(Taker())
    worker.step()
    with django_assert_num_queries(2) as looked:
        assert worker.step() == IDLE
    assert all(query["sql"].startswith("SELECT") for query in looked.captured_queries)


def test_a_name_is_given_once_and_nonsense_is_refused(consumers):
    taker = Taker()
    consumer("mine")(taker)
    consumer("mine")(taker)
    with pytest.raises(ValueError, match="registered already"):
        consumer("mine")(Taker())
    refused: list[tuple[str, dict[str, Any]]] = [("", {}), ("x" * 101, {}), ("x", {"batch": 0}), ("x", {"attempts": 0})]
    for name, options in refused:
        with pytest.raises(ValueError, match=r"1 to 100|at least 1"):
            consumer(name, **options)
    assert list(consumers) == ["mine"]


def test_deliver_once_handles_what_is_there_and_says_what_it_leaves(consumers):
    good, bad = Taker(), Taker()
    consumer("good", start="beginning")(good)
    consumer("bad", start="beginning")(bad)

    def fail(event):
        raise ValueError("no")

    bad.fails = fail
    tell("a")
    with pytest.raises(CommandError, match=r"^bad is not at the end: the next try is in 0\.\d s$"):
        call_command("deliver", "--once")
    assert good.kinds == ["a"]
    out = StringIO()
    call_command("deliver", "--list", stdout=out)
    assert out.getvalue() == (
        f"good: at {log.head()} of {log.head()}, 0 set aside, not running\n"
        f"bad: at 0 of {log.head()}, 0 set aside, not running; ValueError: no\n"
    )
    bad.fails = lambda event: None
    ConsumerCursor.objects.update(retry_at=None)
    call_command("deliver", "--once")
    assert bad.kinds == ["a", "a"]
    ConsumerCursor.objects.update(holder="elsewhere", held_until=timezone.now() + timedelta(minutes=1))
    assert drain([consumers["good"]]) == {"good": "another process has its lease"}
