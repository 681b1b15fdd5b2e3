"""Rows about the data of events: whatever is published arrives as it was, and forges nothing."""

from functools import partial

from notifications.testing.conformance.registry import HTML, Level, expect, row
from notifications.testing.conformance.target import Target, carries, new_mark

MEANING_OF_DATA = f"{HTML}#event-stream-interpretation"
# The name, the level, the data, and what a user would notice.
CASES: list[tuple[str, Level, str, str]] = [
    (
        "data-of-lines",
        "must",
        "one\ntwo\n\nfour",
        "A text of several lines arrives as its first line, or in two events.",
    ),
    ("data-with-cr", "must", "one\rtwo", "What follows a carriage return is taken for another field, and lost."),
    ("data-with-crlf", "must", "one\r\ntwo", "Lines are lost, or stand apart."),
    ("data-with-spaces", "must", "\n  indented: by two", "Indentation is lost: a browser takes the first space away."),
    ("data-with-colons", "must", "\n: no comment\ndata: no field", "Lines that look like fields or comments vanish."),
    ("data-of-all-languages", "must", "é 漢字 😀 \u202e \u2028", "Letters beyond ASCII arrive wrong."),
    ("data-of-12-kb", "should", "0123456789abcdef" * 768, "Long events arrive in part, or end the stream."),
]


async def arrives_as_it_was(data: str, target: Target) -> None:
    """Publishes the data between two marks, and expects it so on the stream."""
    target.require_publishing(of_data=True)
    before, after = new_mark(), new_mark()
    async with target.stream() as response:
        await target.send(f"{before}{data}{after}")
        await response.until(lambda read: target.published(read, before), target.seconds, "the event")
        await response.read_for(0.1)
        [*found] = target.published(response, before)
        expect(len(found) == 1, f"it arrived as {len(found)} events")
        expect(carries(found[0].data, f"{before}{data}{after}"), f"it arrived as {found[0].data[:80]!r}")


for _name, _level, _data, _notice in CASES:
    row(_name, _level, MEANING_OF_DATA, _notice)(partial(arrives_as_it_was, _data))


@row(
    "no-forged-events", "must", MEANING_OF_DATA, "Whoever may publish a text can forge events, ids and times of others."
)
async def data_forges_nothing(target: Target) -> None:
    target.require_publishing(of_data=True)
    for end in ("\n", "\r", "\r\n"):
        mark = new_mark()
        forged = end.join(["", "", "id: 987654321", "event: forged", "retry: 17", "data: forged", "", ""])
        async with target.stream() as response:
            await target.send(f"{mark}{forged}{mark}")
            await response.until(lambda read, mark=mark: target.published(read, mark), target.seconds, "the event")  # type: ignore[misc]
            await response.read_for(0.1)
            expect(all(event.event != "forged" for event in response.events), f"an event was forged by {end!r}")
            expect(response.parser.last_event_id != "987654321", f"an id was forged by {end!r}")
            expect(response.parser.retry != 17, f"a reconnection time was forged by {end!r}")
