"""Rows about coming back: what was missed arrives in order and once, wherever the connection broke, and odd cursors do no harm."""

import asyncio
import re

from notifications.testing.conformance.client import RawResponse
from notifications.testing.conformance.registry import HTML, RowFailed, RowSkipped, expect, row
from notifications.testing.conformance.rows_delivery import received
from notifications.testing.conformance.target import Target

RESUME = f"{HTML}#the-last-event-id-header"
# Connections at the same time, while each byte is cut at.
TOGETHER = 8
# Bytes of one event that are cut at, at most; of a longer one every second, third, ... byte.
MOST_CUTS = 600


async def cursor_before(target: Target, count: int) -> tuple[str, str, list[tuple[str, str]]]:
    """Publishes one event and then `count`; returns the id of the first, the mark of the others, and their ids and data."""
    target.require_publishing()
    async with target.stream() as response:
        first = await target.send_marked(1)
        [(cursor, _data), *_rest] = await received(target, response, first, 1)
        if not cursor:
            raise RowSkipped("events have no ids")
        seen = len(target.published(response))
        mark = await target.send_marked(count)
        # Without marks what came before counts as well.
        found = await received(target, response, mark, count if target.takes_data else seen + count)
        return cursor, mark, found[-count:]


@row("resume", "should", RESUME, "What happened while the connection was lost is missing from the page.")
async def missed_events_come_in_order_and_once(target: Target) -> None:
    cursor, mark, expected = await cursor_before(target, 5)
    async with target.stream({"Last-Event-ID": cursor}) as response:
        found = await received(target, response, mark, 5)
        expect(found == expected, f"5 were missed, {len(found)} came: {[event_id for event_id, _ in found]}")


@row(
    "resume-and-live",
    "should",
    RESUME,
    "An event that happens while the browser comes back is lost, or comes twice.",
    seconds=60,
)
async def missed_and_new_events_join(target: Target) -> None:
    cursor, _mark, missed = await cursor_before(target, 3)

    async def come_back(delay: float) -> list[str]:
        await asyncio.sleep(delay)
        async with target.stream({"Last-Event-ID": cursor}) as response:
            await response.until(lambda read: len(target.published(read)) >= 9, target.seconds + 5, "9 events")
            await response.read_for(0.2)
            return [event.id for event in target.published(response)]

    readers = [asyncio.create_task(come_back(number * 0.02)) for number in range(6)]
    await target.send_marked(6)
    found = await asyncio.gather(*readers)
    for ids in found:
        expect(ids[:3] == [event_id for event_id, _data in missed], f"what was missed came as {ids[:3]}")
        expect(len(ids) == 9 and len(set(ids)) == 9, f"9 events came as {ids}")
        expect(ids == found[0], "readers that came back differ")


@row(
    "resume-at-every-byte",
    "should",
    RESUME,
    "Depending on where the connection broke, an event is lost or comes twice.",
    seconds=180,
)
async def a_cut_anywhere_loses_nothing(target: Target) -> str:
    cursor, mark, expected = await cursor_before(target, 2)
    async with target.stream({"Last-Event-ID": cursor}) as response:
        await received(target, response, mark, 2)
        # Past the end of the second event: the times that servers jitter change the length a little.
        size = len(response.body) + 4
    step = -(-size // MOST_CUTS)
    limit = asyncio.Semaphore(TOGETHER)

    async def cut_at(place: int) -> None:
        async with limit:
            async with target.stream({"Last-Event-ID": cursor}) as response:
                await read_exactly(response, place, target.seconds)
                found = [(event.id, event.data) for event in target.published(response, mark)]
                place_reached = response.parser.last_event_id or cursor
            if len(found) < len(expected):
                async with target.stream({"Last-Event-ID": place_reached}) as response:
                    found += await received(target, response, mark, len(expected) - len(found))
            expect(found == expected, f"cut at byte {place}: {[event_id for event_id, _ in found]} came")

    await asyncio.gather(*(cut_at(place) for place in range(0, size, step)))
    return f"cut at {len(range(0, size, step))} places"


async def read_exactly(response: RawResponse, size: int, seconds: float) -> None:
    """Reads so many bytes of the body, and forgets what came with them; fewer, if no more come."""
    if size:
        try:
            await response.until(lambda read: len(read.body) >= size, seconds if size < 2 else 0.5, "the next byte")
        except RowFailed:
            if len(response.body) < size - 16:
                raise
    taken = response.body[:size]
    response.body, response.events, response.parser = taken, [], type(response.parser)()
    response.events += response.parser.feed(taken)


def moved(cursor: str, to: int | None) -> str:
    """Returns the cursor with another number at its end: `to`, or one far past it."""
    match = re.search(r"[0-9]+(?=[^0-9]*$)", cursor)
    if match is None:
        raise RowSkipped(f"ids such as {cursor!r} have no number in them")
    number = int(match[0]) + 1_000_000 if to is None else to
    return cursor[: match.start()] + str(number) + cursor[match.end() :]


async def answered_and_live(target: Target, cursor: str) -> str:
    """Comes back with a cursor; expects what the browser survives and notices, or events from then on."""
    response = await target.ask(headers={"Last-Event-ID": cursor})
    expect(response.status < 500, f"the status is {response.status}")
    if response.status != 200:
        return f"{response.status}"
    mark = await target.send_marked(1)
    await response.until(
        lambda read: target.published(read, mark) or any("reset" in event.event for event in read.events),
        target.seconds,
        "an event, or a notice that the place is lost",
    )
    return "reset" if any("reset" in event.event for event in response.events) else "goes on"


@row(
    "cursor-of-the-future",
    "should",
    RESUME,
    "After a restore from a backup, open pages hear nothing until the log has caught up.",
)
async def a_cursor_of_the_future_is_no_silence(target: Target) -> str:
    cursor, _mark, _events = await cursor_before(target, 1)
    return await answered_and_live(target, moved(cursor, None))


@row(
    "cursor-before-the-log", "should", RESUME, "A page that was away for long shows a gap without a word, or an error."
)
async def a_cursor_before_the_log_is_no_silence(target: Target) -> str:
    cursor, _mark, _events = await cursor_before(target, 1)
    response = await target.ask(headers={"Last-Event-ID": target.last_event_id or moved(cursor, 0)})
    expect(response.status < 500, f"the status is {response.status}")
    if response.status != 200:
        return f"{response.status}"
    # Two events were published just now.
    await response.until(
        lambda read: target.published(read) or any("reset" in event.event for event in read.events),
        target.seconds,
        "an event of the past, or a notice that the place is lost,",
    )
    return "reset" if any("reset" in event.event for event in response.events) else "events of the past"


@row("cursor-malformed", "must", RESUME, "An id of another server, or a forged one, ends in a server error or hangs.")
async def a_malformed_cursor_is_answered(target: Target) -> str:
    answers = []
    for cursor in ("no-such-id", "-1", "9" * 400, "1e9", "' OR 1=1 --", "%00", "x" * 5000):
        response = await target.ask(headers={"Last-Event-ID": cursor})
        response.close()
        expect(response.status < 500, f"{cursor[:20]!r} is answered with {response.status}")
        answers.append(str(response.status))
    return ", ".join(sorted(set(answers)))
