"""Rows about the ends of streams and connections, on either side, and about many of them."""

import asyncio
from pathlib import Path

from notifications.testing.conformance.client import RawResponse
from notifications.testing.conformance.registry import HTML, RFC, RowFailed, RowSkipped, expect, row
from notifications.testing.conformance.target import Target

FATAL = f"{HTML}#sse-processing-model"
# How many connections are dropped at a time, and how many of many are opened together.
DROPPED, TOGETHER_OPENED = 20, 50


@row("terminal", "must", FATAL, "Pages come back to a stream that is over, again and again, for ever.")
async def an_ended_stream_is_204(target: Target) -> None:
    if not target.terminal:
        raise RowSkipped("it needs --terminal")
    response = await target.ask(url=target.terminal)
    if response.status == 200:
        # Its last events for a reader that does not have them; then the reader comes back, as an EventSource does.
        await response.until(lambda read: read.ended, target.seconds, "an end, of a stream that is over,")
        response = await target.ask(url=target.terminal, headers={"Last-Event-ID": response.parser.last_event_id})
    expect(response.status == 204, f"a stream that has ended is answered with {response.status}")
    expect(response.header("transfer-encoding") is None, "204 with Transfer-Encoding")


async def goes_on(target: Target) -> None:
    """Expects that a new stream opens, and that events reach it."""
    async with target.stream() as response:
        if target.publish:
            mark = await target.send_marked(1)
            await response.until(lambda read: target.published(read, mark), target.seconds, "an event afterwards")


async def several_streams(target: Target) -> list[RawResponse]:
    return [await target.ask() for _ in range(DROPPED)]


@row(
    "closed-by-fin",
    "must",
    f"{RFC}9112#section-9.6",
    "Each closed tab costs the server something, until it stops.",
    seconds=60,
)
async def closing_harms_nobody(target: Target) -> None:
    for response in await several_streams(target):
        response.close()
    await goes_on(target)


@row(
    "closed-by-rst",
    "must",
    f"{RFC}9112#section-9.6",
    "A phone that loses its network stops events for others.",
    seconds=60,
)
async def resetting_harms_nobody(target: Target) -> None:
    for response in await several_streams(target):
        response.reset()
    await goes_on(target)


@row(
    "half-closed",
    "must",
    f"{RFC}9112#section-9.6",
    "A proxy that closes its side first stops events for others.",
    seconds=60,
)
async def half_closing_harms_nobody(target: Target) -> None:
    if target.url.startswith("https:"):
        raise RowSkipped("TLS has no half-closed connections")
    for response in await several_streams(target):
        response.writer.write_eof()
    await goes_on(target)


async def open_many(target: Target) -> list[RawResponse]:
    """Opens the number of connections that was asked for, some at a time; returns their responses."""
    limit = asyncio.Semaphore(TOGETHER_OPENED)

    async def one() -> RawResponse:
        async with limit:
            return await target.ask()

    done = await asyncio.gather(*(one() for _ in range(target.connections)), return_exceptions=True)
    failed = [problem for problem in done if isinstance(problem, BaseException)]
    if failed:
        raise RowFailed(f"{len(failed)} of {len(done)} connections got no response: {failed[0]}")
    return [response for response in done if isinstance(response, RawResponse)]


@row(
    "many-connections",
    "should",
    f"{HTML}#authoring-notes",
    "With many readers, some get no answer at all, or no events.",
    seconds=180,
)
async def many_connections_are_answered(target: Target) -> str:
    opened = await open_many(target)
    streams = [response for response in opened if response.status == 200]
    if target.publish:
        mark = await target.send_marked(1)
        wait = target.seconds + target.connections / 100

        async def gets_it(response: RawResponse) -> bool:
            try:
                await response.until(lambda read: target.published(read, mark), wait, "the event")
            except RowFailed:
                # A stream that was ended politely has its reconnection time.
                return response.ended and response.parser.retry is not None
            return True

        reached = await asyncio.gather(*(gets_it(response) for response in streams))
        expect(all(reached), f"the event reached {sum(reached)} of {len(streams)}")
    return f"{len(streams)} of {len(opened)} opened"


@row(
    "shedding",
    "should",
    FATAL,
    "Pages that came when the server was full stay dead until they are loaded anew.",
    seconds=180,
)
async def a_full_server_lets_pages_come_back(target: Target) -> str:
    opened = await open_many(target)
    await asyncio.gather(*(response.read_for(1) for response in opened))
    refused = [response for response in opened if response.status != 200]
    expect(
        not refused, f"{len(refused)} were answered with {refused[0].status if refused else ''}: EventSource gives up"
    )
    ended = [response for response in opened if response.ended]
    if not ended:
        raise RowSkipped(f"none of {len(opened)} was turned away")
    expect(all(response.parser.retry for response in ended), "they are turned away without a reconnection time")
    return f"{len(ended)} of {len(opened)} are to come back later"


def _folder(pid: int) -> Path:
    return Path(f"/proc/{pid}/fd")


def descriptors(pid: int) -> int:
    """Counts the open files and sockets of a process."""
    return sum(1 for _ in _folder(pid).iterdir())


@row("cleanup", "should", f"{RFC}9112#section-9.6", "The server runs out of file descriptors after a day.", seconds=180)
async def closed_connections_are_released(target: Target) -> str:
    if target.pid is None or not _folder(target.pid).is_dir():
        raise RowSkipped("it needs --pid, of a process of this machine")
    await goes_on(target)
    before = descriptors(target.pid)
    for response in await open_many(target):
        response.reset()
    target.opened.clear()
    deadline = asyncio.get_running_loop().time() + target.seconds + 10
    # Spare threads and connections of a database may have come.
    while descriptors(target.pid) > before + 10 and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110  another process
        await asyncio.sleep(0.1)
    after = descriptors(target.pid)
    expect(after <= before + 10, f"{before} descriptors before, {after} after")
    await goes_on(target)
    return f"{before} descriptors before, {after} after"
