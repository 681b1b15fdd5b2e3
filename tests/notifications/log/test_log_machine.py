"""Any order of appends, commits, rollbacks, crashes, looks, reads and prunings keeps the log's invariants (docs/design.md).

On PostgreSQL several transactions are open at once and commit in any order; SQLite has one writer at a time.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from notifications import log
from notifications.models import Event, Head

T = TypeVar("T")
CHANNELS = ("a:1", "a:2")
WRITERS = 3
WAIT = 30.0


def forget_callbacks() -> None:
    connection.run_on_commit.clear()


class Undone(Exception):
    """Makes a transaction, or a savepoint, roll back."""


@dataclass
class Writer:
    """A process that writes: a thread with a connection of its own, and what its open transaction holds by savepoint."""

    name: int
    thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(max_workers=1))
    blocks: list[Any] = field(default_factory=list)
    written: list[list[tuple[int, str | None]]] = field(default_factory=list)

    def run(self, function: Callable[[], T]) -> T:
        return self.thread.submit(function).result(WAIT)

    def enter(self) -> None:
        block = transaction.atomic()
        self.run(block.__enter__)
        self.blocks.append(block)
        self.written.append([])

    def leave(self, *, undo: bool) -> list[tuple[int, str | None]]:
        block, written = self.blocks.pop(), self.written.pop()
        reason = (Undone, Undone(), None) if undo else (None, None, None)
        self.run(lambda: block.__exit__(*reason))
        return written

    def holds(self) -> list[tuple[int, str | None]]:
        return [entry for block in self.written for entry in block]

    def pending_keys(self) -> set[str | None]:
        return {key for _number, key in self.holds()} - {None}


@dataclass
class Reader:
    """Somebody with a cursor; `heard` is what it was told since `since`, by position."""

    channels: tuple[str, ...] | None
    since: int
    cursor: int
    heard: dict[int, int] = field(default_factory=dict)


class LogMachine(RuleBasedStateMachine):
    """The log beside a model of it: what was committed, under which number and key, at which position."""

    def __init__(self) -> None:
        super().__init__()
        self.writers = [Writer(name) for name in range(WRITERS)]
        self.count = 0
        self.committed: dict[int, str | None] = {}
        self.channel_of: dict[int, str] = {}
        self.writer_of: dict[int, int] = {}
        self.positions: dict[int, int] = {}
        self.unsequenced: set[int] = set()
        self.readers: list[Reader] = []
        self.horizon = 0

    @initialize()
    def begin_with_an_empty_log(self) -> None:
        Event.objects.all().delete()
        Head.objects.update_or_create(pk=Head.ID, defaults={"position": 0, "horizon": 0})

    def teardown(self) -> None:
        for writer in self.writers:
            while writer.blocks:
                writer.leave(undo=True)
            writer.run(connections.close_all)
            writer.thread.shutdown()

    def may_write(self, name: int | None = None) -> bool:
        """Whether nobody would have to wait: SQLite has one writer."""
        return connection.vendor != "sqlite" or not any(writer.blocks for writer in self.writers if writer.name != name)

    # What writers do

    @rule(name=st.integers(0, WRITERS - 1))
    def open_a_transaction_or_savepoint(self, name: int) -> None:
        if self.may_write(name) and len(self.writers[name].blocks) < 4:
            self.writers[name].enter()

    @rule(
        name=st.integers(0, WRITERS - 1),
        channel=st.sampled_from(CHANNELS),
        key=st.sampled_from([None, None, None, "x", "y", "z"]),
        count=st.integers(1, 3),
    )
    def append(self, name: int, channel: str, key: str | None, count: int) -> None:
        writer = self.writers[name]
        others = [other for other in self.writers if other is not writer]
        # A key that another open transaction has written makes this one wait for its end.
        if not self.may_write(name) or any(key in other.pending_keys() for other in others):
            return
        told = key is not None and key in writer.pending_keys() | self.keys_in_the_log()
        for _ in range(1 if key else count):
            self.count += 1
            number = self.count
            writer.run(partial(log.append, channel, "happened", {"number": number}, key=key))
            entry = (number, None if told else key)
            if not told:
                self.channel_of[number], self.writer_of[number] = channel, name
            if writer.blocks:
                writer.written[-1].append(entry)
            else:
                self.commit([entry], sequenced=True)

    @rule(name=st.integers(0, WRITERS - 1), undo=st.booleans())
    def end_the_innermost_block(self, name: int, undo: bool) -> None:
        writer = self.writers[name]
        if not writer.blocks:
            return
        written = writer.leave(undo=undo)
        if undo:
            return
        if writer.blocks:
            writer.written[-1] += written
        elif written:
            self.commit(written, sequenced=True)

    @rule(name=st.integers(0, WRITERS - 1))
    def commit_and_die(self, name: int) -> None:
        """The process is killed between its commit and its sequencing."""
        writer = self.writers[name]
        while len(writer.blocks) > 1:
            written = writer.leave(undo=False)
            writer.written[-1] += written
        if writer.blocks:
            # As a function: `connection` means that of the thread which looks it up.
            writer.run(forget_callbacks)
            self.commit(writer.leave(undo=False), sequenced=False)

    def is_kept(self, number: int) -> bool:
        return self.positions.get(number, self.horizon + 1) > self.horizon

    def keys_in_the_log(self) -> set[str | None]:
        """A key is forgotten with its event."""
        return {key for number, key in self.committed.items() if self.is_kept(number)}

    def commit(self, written: list[tuple[int, str | None]], *, sequenced: bool) -> None:
        # What was told before is not written again, but its commit sequences what others left.
        new = {number: key for number, key in written if number in self.channel_of}
        self.committed |= new
        self.unsequenced |= set(new)
        if sequenced:
            self.unsequenced.clear()

    # What everyone does

    @precondition(lambda self: self.may_write())
    @rule()
    def sequence(self) -> None:
        """The next writer, or any tail that looks after what a dead process left."""
        assert log.is_sequenced() == (not self.unsequenced)
        log.sequence()
        self.unsequenced.clear()
        assert log.is_sequenced()

    @rule(channels=st.sampled_from([None, ("a:1",), CHANNELS]), behind=st.integers(0, 5))
    def attach(self, channels: tuple[str, ...] | None, behind: int) -> None:
        since = max(self.horizon, log.head() - behind)
        self.readers.append(Reader(channels, since, since))

    @precondition(lambda self: self.readers)
    @rule(which=st.integers(0, 99), limit=st.integers(1, 4), drops=st.booleans())
    def read_on(self, which: int, limit: int, drops: bool) -> None:
        """Reads one page from the cursor; a connection that drops before its last event resumes in front of it."""
        reader = self.readers[which % len(self.readers)]
        bounds = log.bounds()
        if reader.cursor < bounds.horizon:
            # What a stream answers with `reset`.
            self.readers.remove(reader)
            return
        page = log.read(reader.cursor, through=bounds.head, channels=reader.channels, limit=limit)
        got = page[:-1] if drops else page
        for event in got:
            assert event.position is not None
            assert event.position > reader.cursor
            reader.cursor = event.position
            reader.heard[event.position] = event.data["number"]
        if not drops and len(page) < limit:
            reader.cursor = bounds.head

    @precondition(lambda self: self.may_write() and self.positions)
    @rule(share=st.integers(1, 100))
    def prune(self, share: int) -> None:
        through = log.head() * share // 100
        Event.objects.filter(position__lte=through).update(created_at=timezone.now() - timedelta(days=10))
        kept = {position for position in self.positions.values() if position > self.horizon}
        assert log.prune(timedelta(days=5)) == len([position for position in kept if position <= through])
        self.horizon = max(self.horizon, through)

    # What always holds

    @invariant()
    def the_log_is_what_was_committed_in_an_order_without_gaps(self) -> None:
        rows = {
            row["data"]["number"]: row
            for row in Event.objects.values("id", "data", "position", "channel", "key").order_by("id")
        }
        for number, row in rows.items():
            if row["position"] is not None:
                known = self.positions.setdefault(number, row["position"])
                assert known == row["position"], "a position has changed"
        kept = {number for number in self.committed if self.is_kept(number)}
        assert set(rows) == kept, "what was rolled back left a trace, or what was committed is missing"
        assert all(row["channel"] == self.channel_of[number] for number, row in rows.items())
        assert {number for number, row in rows.items() if row["position"] is None} == self.unsequenced
        head = max(self.positions.values(), default=0)
        assert log.bounds()[:2] == (head, self.horizon)
        assert sorted(self.positions.values()) == list(range(1, head + 1)), "a gap, or a position given twice"

    @invariant()
    def what_one_writer_said_keeps_its_order(self) -> None:
        for writer in self.writers:
            own = [number for number in self.positions if self.writer_of[number] == writer.name]
            assert [self.positions[number] for number in sorted(own)] == sorted(self.positions[n] for n in own)

    @invariant()
    def every_reader_has_heard_exactly_its_part_of_the_log(self) -> None:
        for reader in self.readers:
            due = {
                position: number
                for number, position in self.positions.items()
                if reader.since < position <= reader.cursor
                and (reader.channels is None or self.channel_of[number] in reader.channels)
            }
            assert reader.heard == due
            assert list(reader.heard) == sorted(reader.heard)


@pytest.mark.django_db(transaction=True)
def test_the_log_keeps_its_invariants() -> None:
    limits = settings(max_examples=50, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(LogMachine, settings=limits)
