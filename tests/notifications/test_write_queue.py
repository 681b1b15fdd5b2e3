"""The queue of writers on SQLite: turns, time-outs, and what is not queued."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import OperationalError, connection
from django.db.utils import ConnectionHandler

from notifications.concurrency.write_queue import WriteQueue, add_queue

pytestmark = pytest.mark.django_db

TIMEOUT = 2.0
HOLDER = """
import fcntl, os, sys, time
descriptor = os.open(sys.argv[1], os.O_RDONLY)
fcntl.flock(descriptor, fcntl.LOCK_EX)
print("has the turn", flush=True)
time.sleep(60)
"""


@pytest.fixture
def connections(tmp_path: Path) -> Iterator[ConnectionHandler]:
    options = {"transaction_mode": "IMMEDIATE", "timeout": TIMEOUT}
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": tmp_path / "queue.sqlite3", "OPTIONS": options}
    handler = ConnectionHandler({"default": database})
    with handler["default"].cursor() as cursor:
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("CREATE TABLE writers (name text)")
    yield handler
    handler.close_all()


def queues(handler: ConnectionHandler) -> list[object]:
    return [wrapper for wrapper in handler["default"].execute_wrappers if isinstance(wrapper, WriteQueue)]


def write(handler: ConnectionHandler, name: str, meanwhile: Callable[[], object] = lambda: None) -> None:
    """Writes in a transaction as atomic() begins and ends it; atomic() itself knows the connections of the site alone."""
    database = handler["default"]
    database.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
    try:
        with database.cursor() as cursor:
            cursor.execute("INSERT INTO writers VALUES (%s)", [name])
        meanwhile()
        database.commit()
    finally:
        database.set_autocommit(True)


def writers(handler: ConnectionHandler) -> list[str]:
    with handler["default"].cursor() as cursor:
        return [name for [name] in cursor.execute("SELECT name FROM writers ORDER BY rowid")]


class Waiting(threading.Thread):
    """A thread that writes, and keeps its error and the seconds that it took."""

    def __init__(self, handler: ConnectionHandler, name: str) -> None:
        super().__init__(name=name)
        self.handler = handler
        self.error: BaseException | None = None
        self.took = 0.0
        self.start()

    def run(self) -> None:
        begun = time.monotonic()
        try:
            write(self.handler, self.name)
        except BaseException as error:
            self.error = error
        self.took = time.monotonic() - begun
        self.handler["default"].close()


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the turn."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout
        assert process.stdout.readline() == "has the turn\n"
        yield process
        process.kill()


def test_a_killed_process_passes_its_turn_on(connections, holder):
    thread = Waiting(connections, "alice")
    thread.join(0.3)
    assert thread.is_alive()
    assert writers(connections) == []
    holder.send_signal(signal.SIGKILL)
    thread.join(20)
    assert thread.error is None
    assert writers(connections) == ["alice"]


def test_the_turn_ends_when_the_transaction_has_begun_so_that_two_databases_of_a_folder_do_not_wait_for_each_other(
    connections, tmp_path
):
    other = ConnectionHandler({"default": {**connections.settings["default"], "NAME": tmp_path / "other.sqlite3"}})

    def begin_there() -> None:
        with other["default"].cursor() as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            cursor.execute("ROLLBACK")

    write(connections, "alice", begin_there)
    assert len(queues(other)) == 1
    other.close_all()
    assert writers(connections) == ["alice"]


def test_nobody_waits_longer_than_the_time_out_in_all(connections):
    holds, ends = threading.Event(), threading.Event()

    def wait() -> None:
        holds.set()
        ends.wait(30)

    def hold() -> None:
        write(connections, "holder", wait)
        connections["default"].close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert holds.wait(20)
    waiting = [Waiting(connections, str(number)) for number in range(3)]
    for thread in waiting:
        thread.join(30)
    ends.set()
    holder.join(20)
    assert [type(thread.error) for thread in waiting] == [OperationalError] * 3
    # One after the other they would have waited for three time-outs.
    assert max(thread.took for thread in waiting) < TIMEOUT * 2.5
    assert writers(connections) == ["holder"]
    write(connections, "later")
    assert writers(connections) == ["holder", "later"]
    with connections["default"].cursor() as cursor:
        assert cursor.execute("PRAGMA busy_timeout").fetchone() == (TIMEOUT * 1000,)


def test_a_connection_has_one_queue_however_often_it_is_opened(connections):
    for _ in range(3):
        connections["default"].close()
        connections["default"].ensure_connection()
    assert len(queues(connections)) == 1


@pytest.mark.sqlite
def test_a_database_in_memory_has_no_queue():
    memory = ConnectionHandler({"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})
    memory["default"].ensure_connection()
    add_queue(None, memory["default"])
    assert queues(memory) == []
    memory.close_all()


@pytest.mark.postgresql
def test_postgresql_has_no_queue():
    assert not [each for each in connection.execute_wrappers if isinstance(each, WriteQueue)]
