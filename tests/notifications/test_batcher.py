"""How large batches become under load, and that an idle process waits for nothing."""

import asyncio

from notifications.concurrency import Batcher, batcher


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
