"""Rows about delivery: in time, in order, once, to everybody; and signs of life."""

import asyncio

from notifications.testing.conformance.client import RawResponse
from notifications.testing.conformance.registry import HTML, RFC, expect, row
from notifications.testing.conformance.target import Target, new_mark

DISPATCH = f"{HTML}#dispatchMessage"
SEVERAL = 12


async def received(target: Target, response: RawResponse, mark: str, count: int) -> list[tuple[str, str]]:
    """Reads until so many published events are there, and a moment longer; returns their ids and data."""
    await response.until(
        lambda read: len(target.published(read, mark)) >= count, target.seconds, f"{count} published events"
    )
    await response.read_for(0.2)
    return [(event.id, event.data) for event in target.published(response, mark)]


@row("delivery", "must", DISPATCH, "Events arrive late, together with later ones, or not at all.")
async def published_events_arrive(target: Target) -> None:
    target.require_publishing()
    async with target.stream() as response:
        mark = await target.send_marked(1)
        found = await received(target, response, mark, 1)
        expect(len(found) == 1, f"one event was published, {len(found)} arrived")


@row("order", "must", DISPATCH, "A page shows an older state after a newer one, or an event twice.")
async def events_arrive_in_order_and_once(target: Target) -> None:
    target.require_publishing()
    async with target.stream() as response:
        mark = await target.send_marked(SEVERAL)
        data = [data for _id, data in await received(target, response, mark, SEVERAL)]
        expect(len(data) == SEVERAL, f"{SEVERAL} were published, {len(data)} arrived")
        if target.takes_data:
            numbers = [int(text.split(mark, 1)[1].split(".")[1]) for text in data]
            expect(numbers == list(range(SEVERAL)), f"they arrived in the order {numbers}")


@row("everybody", "must", DISPATCH, "Of two open pages one shows what happened, the other does not.")
async def all_streams_get_the_same(target: Target) -> None:
    target.require_publishing()
    async with target.stream() as first, target.stream() as second, target.stream() as third:
        mark = await target.send_marked(3)
        found = [await received(target, response, mark, 3) for response in (first, second, third)]
        expect(found[0] == found[1] == found[2], "streams of the same reader differ")


@row(
    "ids",
    "should",
    f"{HTML}#the-last-event-id-header",
    "A browser that comes back cannot say what it has: events are lost.",
)
async def events_have_ids_of_their_own(target: Target) -> None:
    target.require_publishing()
    async with target.stream() as response:
        mark = await target.send_marked(3)
        ids = [event_id for event_id, _data in await received(target, response, mark, 3)]
        expect(all(ids), "events have no id")
        expect(len(set(ids)) == len(ids), f"ids are {ids}")


@row(
    "signs-of-life",
    "should",
    f"{HTML}#authoring-notes",
    "Proxies and phones drop a quiet stream, and nobody notices.",
    seconds=90,
)
async def quiet_streams_show_life(target: Target) -> str:
    async with target.stream() as response:
        await response.read_for(0.5)
        begun, size = asyncio.get_running_loop().time(), len(response.body)
        await response.until(lambda read: len(read.body) > size, target.ping_seconds, "a sign of life")
        return f"after {asyncio.get_running_loop().time() - begun:.1f} s"


@row(
    "slow-reader",
    "must",
    f"{RFC}9293#section-3.8.6",
    "One phone without a network holds up everybody's events.",
    seconds=90,
)
async def a_slow_reader_holds_nobody_up(target: Target) -> None:
    target.require_publishing(of_data=True)
    slow = await target.ask(buffer=4096)
    mark = new_mark()
    async with target.stream() as response:
        reading = asyncio.create_task(
            response.until(lambda read: mark.encode() in read.body[-20_000:], 90, "the event")
        )
        # One after another: how many can be published at the same time is not what the row asks.
        for _ in range(-(-target.flood_kb // 12)):
            await target.send("x" * 12_000)
        await target.send(mark)
        done, _waiting = await asyncio.wait({reading}, timeout=target.seconds)
        reading.cancel()
        expect(done, "an event did not reach the others in time")
        await reading
    slow.reset()
