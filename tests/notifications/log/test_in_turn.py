"""Sequencing on SQLite while others write: in short steps, and not at all where another process has done it."""

import sqlite3
import threading
import time
from contextlib import closing

import pytest
from django.db import OperationalError, connection, transaction

from notifications import log
from notifications.log import sequencer
from notifications.models import Event

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.sqlite]


def busy_timeout() -> int:
    with connection.cursor() as cursor:
        [milliseconds] = cursor.execute("PRAGMA busy_timeout").fetchone()
    return milliseconds


def positions() -> list[int | None]:
    return list(Event.objects.order_by("id").values_list("position", flat=True))


def other_writer():
    return closing(sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None, check_same_thread=False))


def test_what_another_process_has_sequenced_meanwhile_is_left_alone(monkeypatch):
    before = busy_timeout()
    sleep = time.sleep
    log.append("a:1", "first")
    with other_writer() as other:

        def number(seconds: float) -> None:
            other.execute("UPDATE notifications_event SET position = 2 WHERE position IS NULL")
            other.execute("UPDATE notifications_head SET position = 2")
            other.execute("COMMIT")
            sleep(seconds)

        with transaction.atomic():
            log.append("a:1", "second")
            # Between this commit and its sequencing.
            transaction.on_commit(lambda: other.execute("BEGIN IMMEDIATE"), robust=True)
            connection.run_on_commit.reverse()
            monkeypatch.setattr(time, "sleep", number)
        monkeypatch.undo()
    assert positions() == [1, 2]
    assert busy_timeout() == before


def test_a_lock_that_is_held_for_a_moment_is_waited_for():
    with other_writer() as other:
        other.execute("BEGIN IMMEDIATE")
        threading.Timer(0.3, lambda: other.execute("COMMIT")).start()
        log.append("a:1", "first")
    assert positions() == [1]


def test_a_lock_that_is_held_for_too_long_fails_as_any_other_and_the_next_sequencing_finds_the_event():
    before = busy_timeout()
    Event.objects.create(channel="a:1", kind="happened")
    with connection.cursor() as cursor, other_writer() as other:
        cursor.execute("PRAGMA busy_timeout = 100")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError, match="locked"):
            sequencer.sequence_committed("default")
        assert busy_timeout() == 100
        other.execute("ROLLBACK")
        cursor.execute(f"PRAGMA busy_timeout = {before}")
    sequencer.sequence_committed("default")
    assert positions() == [1]
