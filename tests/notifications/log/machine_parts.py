"""The writers and readers of the log's state machine (test_log_machine.py)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from django.db import connection, transaction

T = TypeVar("T")
CHANNELS = ("a:1", "a:2")
WRITERS = 3
WAIT = 30.0


def forget_callbacks() -> None:
    connection.run_on_commit.clear()


class Undone(Exception):
    """Makes a transaction, or a savepoint, roll back."""


class Entry(NamedTuple):
    """What a writer has written: an event, or with `retracts` the announcement of these (number 0 if nothing is announced)."""

    number: int
    key: str | None = None
    retracts: frozenset[int] = frozenset()


@dataclass
class Writer:
    """A process that writes: a thread with a connection of its own, and what its open transaction holds by savepoint."""

    name: int
    thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(max_workers=1))
    blocks: list[Any] = field(default_factory=list)
    written: list[list[Entry]] = field(default_factory=list)

    def run(self, function: Callable[[], T]) -> T:
        return self.thread.submit(function).result(WAIT)

    def enter(self) -> None:
        block = transaction.atomic()
        self.run(block.__enter__)
        self.blocks.append(block)
        self.written.append([])

    def leave(self, *, undo: bool) -> list[Entry]:
        block, written = self.blocks.pop(), self.written.pop()
        reason = (Undone, Undone(), None) if undo else (None, None, None)
        self.run(lambda: block.__exit__(*reason))
        return written

    def holds(self) -> list[Entry]:
        return [entry for block in self.written for entry in block]

    def pending_keys(self) -> set[str | None]:
        return {entry.key for entry in self.holds()} - {None}

    def retracts(self) -> set[int]:
        return set().union(*(entry.retracts for entry in self.holds()))


@dataclass
class Reader:
    """Somebody with a cursor; `heard` is what it was told since `since`, by position, `passed` what was retracted before."""

    channels: tuple[str, ...] | None
    since: int
    cursor: int
    heard: dict[int, int] = field(default_factory=dict)
    passed: set[int] = field(default_factory=set)
