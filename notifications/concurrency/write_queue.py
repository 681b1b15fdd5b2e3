"""A queue of the transactions that write to a database of SQLite, across threads and processes.

SQLite has no queue: a transaction that finds another one at work looks again after 1, 2, 5 and finally 100 ms, in which many
others may have been served. So the slowest of many writers wait long after the database was free for them.

Here transactions that begin (BEGIN IMMEDIATE) wait in a queue of the kernel: an flock() on the database's folder, which is held
only until the transaction has begun. At any time only the first of the queue looks for SQLite's lock, in the short first steps.
The kernel passes the turn on when a process is killed. No file is added, and nothing has to be cleaned up. Writes of other
programs, and those outside of a transaction, take SQLite's lock as ever, beside the queue.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

BEGIN = "BEGIN IMMEDIATE"
# A wait in the queue counts for the time-out of the database, unless it was shorter than this (in seconds).
SHORT = 0.5


def connect_write_queue() -> None:
    """Connects the queue to each new connection with SQLite; AppConfig.ready() calls this once."""
    if fcntl is not None:
        connection_created.connect(add_queue, dispatch_uid="notifications.write_queue")


def add_queue(sender: Any, connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Lets the transactions of a connection wait in the queue; those of a database in memory have nobody to wait for."""
    is_queued = any(isinstance(wrapper, WriteQueue) for wrapper in connection.execute_wrappers)
    if connection.vendor == "sqlite" and not is_queued:
        folder = Path(str(connection.settings_dict["NAME"])).parent
        if not connection.is_in_memory_db() and folder.is_dir():  # type: ignore[attr-defined]
            connection.execute_wrappers.insert(0, WriteQueue(folder))


class WriteQueue:
    """Wraps the statements of a connection, as Django documents it: those that begin a transaction wait for their turn."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(
        self,
        execute: Callable[..., Any],
        sql: str,
        params: Any,
        many: Any,
        context: dict[str, Any],
    ) -> Any:
        if sql != BEGIN:
            return execute(sql, params, many, context)
        with self.turn() as waited:
            if waited < SHORT:
                return execute(sql, params, many, context)
            with shortened_timeout(context["connection"].connection, waited):
                return execute(sql, params, many, context)

    @contextmanager
    def turn(self) -> Iterator[float]:
        """Waits for the turn, and holds it while the block runs; gives the seconds that it took."""
        begun = time.monotonic()
        # Opened for each turn: a descriptor that is kept would be shared with processes that are forked.
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield time.monotonic() - begun
        finally:
            os.close(descriptor)


@contextmanager
def shortened_timeout(database: sqlite3.Connection, seconds: float) -> Iterator[None]:
    """Shortens the time-out of a connection while the block runs: so the queue makes nobody wait longer in all."""
    [milliseconds] = database.execute("PRAGMA busy_timeout").fetchone()
    database.execute(f"PRAGMA busy_timeout = {max(0, int(milliseconds - seconds * 1000))}")
    try:
        yield
    finally:
        database.execute(f"PRAGMA busy_timeout = {int(milliseconds)}")
