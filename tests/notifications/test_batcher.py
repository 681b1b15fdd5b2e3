"""How large batches become under load, that an idle process waits for nothing, and how long a thread keeps its connection."""

import asyncio
import threading

import pytest
from django.db import connection, connections

from notifications.concurrency import Batcher, and_disconnect, batcher
from notifications.models import Head


def sizes_of(monkeypatch, clients: int, seconds: float) -> list[int]:
    """The sizes of the batches of so many clients, each of which comes again a moment after its item is done."""
    monkeypatch.setattr(batcher, "GATHERING_SECONDS", seconds)
    sizes = []

    def work(items):
        sizes.append(len(items))
        return items

    async def scenario():
        batches = Batcher(work, name="test", most=50)

        async def client(number: int) -> None:
            for turn in range(2):
                assert await batches.submit(number) == number
                # Not all at the same moment, as over a network.
                await asyncio.sleep(0.002 * number if turn == 0 else 0)

        await asyncio.gather(*map(client, range(clients)))

    asyncio.run(scenario())
    return sizes


def test_those_who_come_again_at_once_share_a_batch(monkeypatch):
    assert sizes_of(monkeypatch, clients=8, seconds=0.5) == [8, 8]
    assert len(sizes_of(monkeypatch, clients=8, seconds=0)) > 2


def test_a_single_client_is_not_kept_waiting(monkeypatch):
    """With a pause it would outlast the test."""
    assert sizes_of(monkeypatch, clients=1, seconds=3600) == [1, 1]


@pytest.fixture
def connection_of_batches(monkeypatch):
    """Runs batches that use the database, and returns what their thread's connection was at each, and after them."""
    monkeypatch.setattr(batcher, "GATHERING_SECONDS", 0)

    def run(work, *, pauses: list[float]) -> tuple[list[object], object]:
        seen = []

        def note(items):
            connection.ensure_connection()
            seen.append(connection.connection)
            return work(items)

        async def scenario():
            batches = Batcher(note, name="test", most=4)
            for pause in pauses:
                await asyncio.gather(batches.submit(1), return_exceptions=True)
                await asyncio.sleep(pause)
            return batches

        batches = asyncio.run(scenario())
        # The thread takes its work in turn: what it was given at the end of the loop is done by then.
        return seen, batches._thread.submit(lambda: connection.connection).result(10)

    return run


@pytest.mark.django_db(transaction=True)
def test_the_connection_is_kept_from_batch_to_batch_and_closed_with_the_loop(connection_of_batches):
    seen, left = connection_of_batches(lambda items: items, pauses=[0, 0, 0])
    assert len(seen) == 3
    assert len(set(map(id, seen))) == 1
    assert left is None


@pytest.mark.django_db(transaction=True)
def test_an_idle_thread_closes_its_connection(connection_of_batches, monkeypatch):
    closed = threading.Event()
    monkeypatch.setattr(batcher, "IDLE_SECONDS", 0.01)
    close_all = connections.close_all

    def close_and_note():
        close_all()
        closed.set()

    monkeypatch.setattr(connections, "close_all", close_and_note)

    async def scenario():
        batches: Batcher[int, int] = Batcher(lambda items: [Head.objects.count() for _ in items], name="test", most=4)
        await batches.submit(1)
        assert await asyncio.to_thread(closed.wait, 10)
        assert await asyncio.wrap_future(batches._thread.submit(lambda: connection.connection)) is None
        # It works on after that.
        assert await batches.submit(2) == await asyncio.to_thread(and_disconnect, Head.objects.count)

    asyncio.run(scenario())


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_had_an_error_is_not_used_again(connection_of_batches):
    def fail_at_first(items):
        if fails:
            fails.pop()
            with connection.cursor() as cursor:
                cursor.execute("SELECT nothing_that_is_there")
        return items

    fails = [True]
    seen, _left = connection_of_batches(fail_at_first, pauses=[0, 0, 0])
    assert len(seen) == 3
    assert seen[0] is not seen[1]
    assert seen[1] is seen[2]


def test_an_item_that_comes_at_the_moment_when_the_batcher_falls_idle_is_done(monkeypatch):
    monkeypatch.setattr(batcher, "IDLE_SECONDS", 0)

    async def scenario():
        batches: Batcher[int, int] = Batcher(lambda items: items, name="test", most=4)
        for turns in range(8):
            async with asyncio.timeout(5):
                assert await batches.submit(turns) == turns
            # So many steps of the loop after its last batch, the next item comes.
            for _ in range(turns):
                await asyncio.sleep(0)

    asyncio.run(scenario())
