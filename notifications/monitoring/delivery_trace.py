"""Asking every process what its streams did for one person: asked through the log, answered in the processes' reports.

A table of all streams would cost a write for each that opens; a question costs one row, and only who is asked about is
reported.
"""

import time
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from notifications import log, metrics
from notifications.log.control import CONTROL_CHANNELS
from notifications.models import Event
from notifications.stream import presence

if TYPE_CHECKING:
    from notifications.stream.tail import Tail


# Every tail sees it pass; no stream listens to it.
CHANNEL = f"{CONTROL_CHANNELS}inquiries"
KIND = "control.inquiry"
# How long a process repeats its answer, in seconds; whoever asked has long seen it then.
REPEATED_SECONDS = 120.0
# Streams of one person that are looked at, and that are told of.
MOST_LOOKED_AT, MOST = 1000, 20


def ask(asker_id: Any, user_id: Any, event: Event) -> None:
    """Asks all processes which of a person's streams had an event; the log keeps who asked."""
    data = {"asker": str(asker_id), "user": str(user_id), "channel": event.channel, "position": event.position}
    log.append(CHANNEL, KIND, data)


class Question(NamedTuple):
    """Whose streams, and which event."""

    user: str
    channel: str
    position: int


class Inbox:
    """What one process has been asked."""

    def __init__(self, tail: "Tail") -> None:
        """Nothing yet."""
        self.tail = tail
        self.seen = tail.cursor
        self.asked: dict[Question, float] = {}

    def findings(self) -> list[dict[str, Any]]:
        """The answers to what has been asked lately."""
        for entry in self.tail.controls_since(self.seen, CHANNEL) or ():
            data = entry.event.data
            self.asked[Question(data["user"], data["channel"], data["position"])] = time.monotonic()
        self.seen = self.tail.cursor
        since = time.monotonic() - REPEATED_SECONDS
        self.asked = {question: moment for question, moment in self.asked.items() if moment >= since}
        return [finding(question) for question in self.asked]


def finding(asked: Question) -> dict[str, Any]:
    """What this process knows: the person's streams, those that had the event first, and when it was written."""
    streams = list(islice(presence.of_user(asked.user), MOST_LOOKED_AT))
    streams.sort(key=lambda record: record.had(asked.channel, asked.position), reverse=True)
    told = [{**record._asdict(), "had": record.had(asked.channel, asked.position)} for record in streams[:MOST]]
    return {
        "user": asked.user,
        "position": asked.position,
        "fanned_out_at": metrics.written_at(asked.position),
        "streams": told,
    }
