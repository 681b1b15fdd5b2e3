"""Wake-ups without Redis: other processes are heard at once, by datagrams on SQLite and by NOTIFY on PostgreSQL."""

import asyncio
import os
import socket
import stat
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from django.db import connection, transaction

from notifications import log
from notifications.log import datagrams, numbering, wakeups
from notifications.log.wakeups import Sequenced
from notifications.monitoring import health
from notifications.stream import runtime
from notifications.stream.remote_wakeups import Arrivals, notify_receiver
from notifications.stream.tail import Tail
from tests.support.asgi import in_thread

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_other_way_to_be_woken(settings):
    """Neither Redis nor polling."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    settings.NOTIFICATIONS_POLL_SECONDS = settings.NOTIFICATIONS_SAFETY_POLL_SECONDS = 60
    log.append("a:1", "before")


def append_elsewhere(count: int = 1) -> None:
    """What another process writes: neither the tail nor the socket of this process is known there."""
    attached, own = wakeups._tail, wakeups._own
    wakeups.attach(None)
    wakeups.receive_at(None)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(wakeups, "sender", lambda: "another process")
            for _ in range(count):
                log.append("a:1", "happened")
    finally:
        wakeups.attach(attached)
        wakeups.receive_at(own)


async def until(condition) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  the conditions are no events
            await asyncio.sleep(0.01)


async def hears_an_event_from_elsewhere(tail: Tail) -> None:
    """Asserts that the first event that another process appends reaches the tail."""
    await in_thread(append_elsewhere)
    await until(lambda: tail.cursor == 2)
    assert await in_thread(log.head) == 2


@asynccontextmanager
async def listening():
    """Runs a tail that hears other processes."""
    tail = await runtime.running()
    try:
        await until(lambda: tail.arrivals.do_arrive)
        yield tail
    finally:
        await runtime.stop()


def run(scenario) -> None:
    async def whole() -> None:
        async with listening() as tail:
            await scenario(tail)

    asyncio.run(whole())


def test_what_another_process_appends_arrives_without_polling():
    async def scenario(tail: Tail) -> None:
        for position in range(2, 8):
            await in_thread(append_elsewhere)
            await until(lambda position=position: tail.cursor == position)

    run(scenario)


def test_more_than_fits_into_a_queue_arrives_whole():
    async def scenario(tail: Tail) -> None:
        for burst in range(1, 4):
            # In the loop itself: nothing is received meanwhile.
            append = asyncio.create_task(in_thread(append_elsewhere, 60))
            while not append.done():
                await asyncio.to_thread(lambda: None)
            await until(lambda burst=burst: tail.cursor == 1 + 60 * burst)

    run(scenario)


def test_a_rolled_back_transaction_wakes_nobody(monkeypatch):
    async def scenario(tail: Tail) -> None:
        taken: list[Sequenced] = []
        monkeypatch.setattr(tail.arrivals, "take", taken.append)

        def roll_back() -> None:
            with pytest.raises(ZeroDivisionError), transaction.atomic():
                log.append("a:1", "never")
                raise ZeroDivisionError

        await in_thread(roll_back)
        await asyncio.sleep(0.2)
        assert taken == []

    run(scenario)


def test_with_the_setting_off_processes_poll(settings):
    settings.NOTIFICATIONS_WAKE_PROCESSES = False
    settings.NOTIFICATIONS_POLL_SECONDS = 0.05
    assert wakeups.way() == wakeups.NONE

    async def scenario() -> None:
        tail = await runtime.running()
        try:
            assert "wakeups" not in tail.supervisor._tasks
            await in_thread(append_elsewhere)
            await until(lambda: tail.cursor == 2)
        finally:
            await runtime.stop()

    asyncio.run(scenario())


def test_a_process_that_hears_no_others_is_degraded():
    async def scenario(tail: Tail) -> None:
        assert health.wakeups_part() == ("wake-ups", health.OK, f"processes wake each other by {wakeups.way()}")
        tail.arrivals.do_arrive = False
        degraded = f"processes find events by polling only: {wakeups.way()} do not arrive"
        assert health.wakeups_part() == ("wake-ups", health.DEGRADED, degraded)

    run(scenario)


# SQLite


def folder() -> Path:
    found = datagrams.folder_of("default")
    assert found
    return found


@pytest.mark.sqlite
def test_the_sockets_have_the_rights_of_the_database_and_are_gone_with_the_process():
    file = Path(connection.settings_dict["NAME"])
    before = stat.S_IMODE(file.stat().st_mode)
    file.chmod(0o640)

    async def scenario(tail: Tail) -> None:
        (path,) = folder().iterdir()
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        assert stat.S_IMODE(folder().stat().st_mode) == 0o750

    try:
        run(scenario)
    finally:
        file.chmod(before)
    assert not folder().exists()


@pytest.mark.sqlite
def test_what_a_killed_process_leaves_behind_is_removed_by_the_next_that_sends():
    async def scenario(tail: Tail) -> None:
        dead = folder() / "1-dead"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as left, datagrams.Address(dead) as address:
            left.bind(address)
        assert dead.exists()
        await hears_an_event_from_elsewhere(tail)
        assert not dead.exists()

    run(scenario)


@pytest.mark.sqlite
def test_a_socket_that_was_removed_is_made_again(monkeypatch):
    monkeypatch.setattr("notifications.stream.remote_wakeups.datagram_receiver.LOOK_SECONDS", 0.05)

    async def scenario(tail: Tail) -> None:
        for path in folder().iterdir():
            path.unlink()
        folder().rmdir()
        await until(lambda: not tail.arrivals.do_arrive)
        await until(lambda: tail.arrivals.do_arrive)
        await hears_an_event_from_elsewhere(tail)

    run(scenario)


@pytest.mark.sqlite
@pytest.mark.parametrize("message", [b"", b"{", b"[1]", b'{"position": "x"}', b"\xff", b"[" * 100_000])
def test_strange_datagrams_harm_nothing(message):
    async def scenario(tail: Tail) -> None:
        datagrams.send_datagram(folder(), message)
        await hears_an_event_from_elsewhere(tail)
        assert not tail.supervisor.down

    run(scenario)


@pytest.mark.sqlite
def test_a_path_that_is_too_long_for_a_socket_is_reached_all_the_same(tmp_path):
    deep = tmp_path.joinpath(*["a folder with a long name"] * 6)
    deep.mkdir(parents=True)
    file = deep / "site.sqlite3"
    file.touch()
    mailbox = datagrams.Mailbox(Path(f"{file}{datagrams.SUFFIX}"), file)
    assert len(os.fsencode(mailbox.path)) > 108
    datagrams.send_datagram(mailbox.folder, b"a message")
    assert mailbox.read() == [b"a message"]
    # Not to itself.
    datagrams.send_datagram(mailbox.folder, b"a message", mailbox.path)
    assert mailbox.read() == []
    mailbox.close()
    assert list(deep.iterdir()) == [file]


@pytest.mark.sqlite
def test_a_folder_in_which_no_socket_can_be_made_leaves_the_tail_polling(settings, monkeypatch):
    reasons: list[object] = []
    monkeypatch.setattr(Arrivals, "fail", lambda self, reason: reasons.append(reason))
    settings.NOTIFICATIONS_POLL_SECONDS = 0.05
    assert not folder().exists()
    folder().touch()

    async def scenario() -> None:
        tail = await runtime.running()
        try:
            await in_thread(append_elsewhere)
            await until(lambda: tail.cursor == 2)
            assert isinstance(reasons[0], NotADirectoryError)
            assert not tail.arrivals.do_arrive
            assert not tail.supervisor.down
        finally:
            await runtime.stop()

    try:
        asyncio.run(scenario())
    finally:
        folder().unlink()


# PostgreSQL


@pytest.mark.postgresql
def test_a_connection_that_is_lost_is_made_again(monkeypatch):
    monkeypatch.setattr(notify_receiver, "RECONNECT_SECONDS", 0.05)
    end_listeners = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%%'"

    def end() -> None:
        with connection.cursor() as cursor:
            cursor.execute(end_listeners)
            assert cursor.fetchall()

    async def scenario(tail: Tail) -> None:
        await in_thread(end)
        await until(lambda: not tail.arrivals.do_arrive)
        await until(lambda: tail.arrivals.do_arrive)
        await hears_an_event_from_elsewhere(tail)

    run(scenario)


@pytest.mark.postgresql
@pytest.mark.parametrize("payload", ["", "x", "7", "99999999999999999999999 a", "-1 b", "0 \ud7ff"])
def test_strange_notifications_harm_nothing(payload):
    def notify() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify('notifications_' || md5(current_schema()), %s)", [payload])

    async def scenario(tail: Tail) -> None:
        await in_thread(notify)
        await hears_an_event_from_elsewhere(tail)
        assert not tail.supervisor.down

    run(scenario)


@pytest.mark.postgresql
def test_a_process_whose_database_lacks_the_procedure_wakes_others_too(monkeypatch):
    monkeypatch.setattr(numbering, "CALL", numbering.CALL.replace("number_events", "missing"))

    async def scenario(tail: Tail) -> None:
        await hears_an_event_from_elsewhere(tail)

    run(scenario)
