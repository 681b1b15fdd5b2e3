"""Any order of appends, retractions, commits, rollbacks, crashes, looks, reads and prunings keeps the log's invariants (docs/design.md).

On PostgreSQL several transactions are open at once and commit in any order; SQLite has one writer at a time.
"""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection, connections
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
from tests.notifications.log.machine_parts import CHANNELS, WRITERS, Entry, Reader, Writer, forget_callbacks


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
        self.retracted: set[int] = set()
        # The number of the event that announces the retraction of these positions.
        self.announcements: dict[tuple[int, ...], int] = {}
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
        # So does one that another open transaction retracts.
        if key is not None and any(self.committed.get(number) == key for each in others for number in each.retracts()):
            return
        told = key is not None and key in writer.pending_keys() | self.keys_in_the_log()
        for _ in range(1 if key else count):
            self.count += 1
            number = self.count
            writer.run(partial(log.append, channel, "happened", {"number": number}, key=key))
            entry = Entry(number, None if told else key)
            if not told:
                self.channel_of[number], self.writer_of[number] = channel, name
            if writer.blocks:
                writer.written[-1].append(entry)
            else:
                self.commit([entry], sequenced=True)

    @rule(name=st.integers(0, WRITERS - 1), what=st.sampled_from(["x", "y", "z", *CHANNELS]))
    def retract(self, name: int, what: str) -> None:
        """Retracts one key, or everything in a channel, with and without a position."""
        writer = self.writers[name]
        if not self.may_write(name) or any(other.retracts() for other in self.writers if other is not writer):
            return
        if writer.blocks and self.unsequenced:
            # The sequencer would wait for this transaction (test_retraction.py has that).
            return
        keys = {number: key for number, key in self.committed.items() if self.is_kept(number)}
        keys |= {entry.number: entry.key for entry in writer.holds() if entry.number in self.channel_of}
        for number in self.retracted | writer.retracts() | set(self.announcements.values()):
            keys.pop(number, None)
        found = {number for number, key in keys.items() if what in (key, self.channel_of[number])}
        asked = partial(log.retract, channel=what, kind="happened") if what in CHANNELS else partial(log.retract, what)
        assert writer.run(asked) == len(found)
        if not found:
            return
        number = 0
        if positions := tuple(sorted(self.positions[each] for each in found if each in self.positions)):
            self.count += 1
            number = self.announcements[positions] = self.count
            self.channel_of[number], self.writer_of[number] = self.channel_of[min(found)], name
        entry = Entry(number, None, frozenset(found))
        if writer.blocks:
            writer.written[-1].append(entry)
        else:
            self.commit([entry], sequenced=bool(number))

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
            # A retraction without an announcement appends nothing.
            self.commit(written, sequenced=any(entry.number for entry in written))

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

    def commit(self, written: list[Entry], *, sequenced: bool) -> None:
        # What was told before is not written again, but its commit sequences what others left.
        new = {entry.number: entry.key for entry in written if entry.number in self.channel_of}
        self.retracted |= {number for entry in written for number in entry.retracts}
        self.committed |= new
        self.unsequenced |= set(new)
        if sequenced:
            self.unsequenced.clear()

    def number_of(self, data: dict[str, Any]) -> int:
        """The number of an event; an announcement has the positions instead."""
        return data["number"] if "number" in data else self.announcements[tuple(data["positions"])]

    def go_on(self, reader: Reader, cursor: int) -> None:
        """Moves a cursor, past what is retracted by now."""
        passed = {self.positions.get(number, 0) for number in self.retracted}
        reader.passed |= {position for position in passed if reader.cursor < position <= cursor}
        reader.cursor = cursor

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
            self.go_on(reader, event.position)
            reader.heard[event.position] = self.number_of(event.data)
        if not drops and len(page) < limit:
            self.go_on(reader, bounds.head)

    @precondition(lambda self: self.may_write() and self.positions)
    # Rows that an open transaction retracts are locked.
    @precondition(lambda self: not any(writer.retracts() for writer in self.writers))
    @rule(share=st.integers(1, 100))
    def prune(self, share: int) -> None:
        through = log.head() * share // 100
        Event.objects.filter(position__lte=through).update(created_at=timezone.now() - timedelta(days=10))
        kept = {position for position in self.positions.values() if position > self.horizon}
        pruned = len([position for position in kept if position <= through])
        assert log.prune(timedelta(days=5)) == pruned
        if pruned:
            # Pruning numbers what was left to it while it had the head locked.
            self.unsequenced.clear()
        self.horizon = max(self.horizon, through)

    # What always holds

    @invariant()
    def the_log_is_what_was_committed_in_an_order_without_gaps(self) -> None:
        rows = {
            self.number_of(row["data"]): row
            for row in Event.objects.values("id", "data", "position", "channel", "retracted_at").order_by("id")
        }
        for number, row in rows.items():
            if row["position"] is not None:
                known = self.positions.setdefault(number, row["position"])
                assert known == row["position"], "a position has changed"
        kept = {number for number in self.committed if self.is_kept(number)}
        assert set(rows) == kept, "what was rolled back left a trace, or what was committed is missing"
        assert all(row["channel"] == self.channel_of[number] for number, row in rows.items())
        assert {number for number, row in rows.items() if row["position"] is None} == self.unsequenced
        assert {number for number, row in rows.items() if row["retracted_at"]} == self.retracted & kept
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
                and position not in reader.passed
                and (reader.channels is None or self.channel_of[number] in reader.channels)
            }
            assert reader.heard == due
            assert list(reader.heard) == sorted(reader.heard)


@pytest.mark.django_db(transaction=True)
def test_the_log_keeps_its_invariants() -> None:
    limits = settings(max_examples=50, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(LogMachine, settings=limits)
