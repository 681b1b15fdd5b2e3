"""Rows about the bytes of the body: encoding, lines and fields."""

import re
from collections import Counter

from notifications.testing.conformance.client import RawResponse
from notifications.testing.conformance.registry import HTML, expect, row
from notifications.testing.conformance.target import Target

KNOWN = {"data", "event", "id", "retry"}
PARSING = f"{HTML}#parsing-an-event-stream"
MEANING = f"{HTML}#event-stream-interpretation"


async def sample(target: Target) -> RawResponse:
    """Returns a stream that was read for a moment, with an event in it where events can be published."""
    async with target.stream() as response:
        if target.publish:
            mark = await target.send_marked(1)
            await response.until(lambda read: target.published(read, mark), target.seconds, "the published event")
        else:
            await response.read_for(min(2, target.seconds))
        await response.read_for(0.2)
        return response


def text_of(response: RawResponse) -> str:
    return response.body.decode("utf-8", "replace").removeprefix("\ufeff")


def fields(response: RawResponse) -> list[list[tuple[str, str]]]:
    """Returns the blocks of a stream, each a list of names and values, without comments."""
    blocks = []
    for block in re.split(r"(?:\r\n|\r|\n){2,}", text_of(response)):
        lines = [line for line in re.split(r"\r\n|\r|\n", block) if line and not line.startswith(":")]
        blocks.append([(name, value.removeprefix(" ")) for name, _, value in (line.partition(":") for line in lines)])
    return blocks


def values(response: RawResponse, name: str) -> list[str]:
    """Returns the values of all fields of that name."""
    return [value for block in fields(response) for found, value in block if found == name]


@row("utf-8", "must", PARSING, "Letters turn into replacement characters.")
async def body_is_utf8(target: Target) -> None:
    response = await sample(target)
    try:
        response.body.decode("utf-8")
    except UnicodeDecodeError as error:
        # A character may be cut in two where the reading stopped.
        expect(error.end == len(response.body) and error.reason == "unexpected end of data", f"the body has {error}")


@row("byte-order-mark", "must", PARSING, "The first field after the mark is unknown to the browser, and lost.")
async def mark_is_first_or_absent(target: Target) -> None:
    response = await sample(target)
    expect("\ufeff" not in text_of(response), "a byte order mark stands within the stream")


@row("known-fields", "should", MEANING, "What stands in a field that is unknown never reaches the page.")
async def fields_are_known(target: Target) -> None:
    response = await sample(target)
    # The last block may be cut where the reading stopped.
    unknown = {name for block in fields(response)[:-1] for name, _value in block} - KNOWN
    expect(not unknown, f"unknown fields: {sorted(unknown)}")


@row("one-of-each", "should", MEANING, "Of two ids, names or times in a block the browser takes the last one alone.")
async def fields_stand_once(target: Target) -> None:
    response = await sample(target)
    for block in fields(response):
        twice = [name for name, count in Counter(name for name, _ in block if name != "data").items() if count > 1]
        expect(not twice, f"a block has {twice[:1]} more than once")


@row(
    "event-has-data",
    "must",
    f"{HTML}#dispatchMessage",
    "An event without a data field is not dispatched: the page never sees it.",
)
async def named_events_have_data(target: Target) -> None:
    response = await sample(target)
    for block in fields(response)[:-1]:
        names = [name for name, _value in block]
        expect("event" not in names or "data" in names, f"a block has a name and no data: {block}")


@row("id-without-nul", "must", MEANING, "The browser ignores the id, and resumes from an older event.")
async def ids_have_no_nul(target: Target) -> None:
    expect(not any("\0" in value for value in values(await sample(target), "id")), "an id has a NUL in it")


@row(
    "id-fits-a-header",
    "must",
    f"{HTML}#the-last-event-id-header",
    "The id comes back changed, and the stream resumes elsewhere.",
)
async def ids_survive_a_header(target: Target) -> None:
    for value in values(await sample(target), "id"):
        expect(value == value.strip(), f"the id {value!r} begins or ends with a space")
        expect(not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", value), f"the id {value!r} has a control character")


@row("no-empty-id", "should", MEANING, "The browser forgets its place, and comes back without Last-Event-ID.")
async def ids_are_not_reset(target: Target) -> None:
    expect("" not in values(await sample(target), "id"), "an empty id resets the last event id")


@row("retry-digits", "must", MEANING, "The browser ignores the time, and comes back when it likes.")
async def retry_is_digits(target: Target) -> None:
    for value in values(await sample(target), "retry"):
        expect(re.fullmatch("[0-9]+", value), f"retry is {value!r}")


@row(
    "retry-given",
    "extra",
    f"{HTML}#concept-event-stream-reconnection-time",
    "Each browser chooses its own time: 3 s, 5 s, or at once.",
)
async def retry_is_there(target: Target) -> str:
    found = values(await sample(target), "retry")
    expect(found, "no reconnection time is sent")
    return f"{found[0]} ms"
