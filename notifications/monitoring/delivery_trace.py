"""Delivery traces: which streams of one user have written an event. A question goes through the log to every process, and
the processes answer in their reports.

A table of all streams would cost a write for each opened stream. A question costs one row, and the reports carry the streams
of that user only.
"""

import logging
import time
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from notifications import log, metrics
from notifications.log.control import CONTROL_CHANNELS
from notifications.models import Event
from notifications.stream import presence

if TYPE_CHECKING:
    from notifications.stream.tail import Tail


logger = logging.getLogger(__name__)

# Read by every tail; no stream carries it.
CHANNEL = f"{CONTROL_CHANNELS}inquiries"
KIND = "control.inquiry"
# Seconds for which a process repeats its answer.
REPEATED_SECONDS = 120.0
# Streams of one user that are examined, and that are reported.
MOST_LOOKED_AT, MOST = 1000, 20


def ask(asker_id: Any, user_id: Any, event: Event) -> None:
    """Asks all processes which streams of a user have written an event. The log keeps the id of the asking user."""
    data = {"asker": str(asker_id), "user": str(user_id), "channel": event.channel, "position": event.position}
    log.append(CHANNEL, KIND, data)


class Question(NamedTuple):
    """The user of the streams, and the event."""

    user: str
    channel: str
    position: int


class Inbox:
    """The questions that this process has received."""

    def __init__(self, tail: "Tail") -> None:
        self.tail = tail
        self.seen = tail.cursor
        self.asked: dict[Question, float] = {}

    def findings(self) -> list[dict[str, Any]]:
        """Returns the answers to the questions of the last REPEATED_SECONDS."""
        for entry in self.tail.controls_since(self.seen, CHANNEL) or ():
            data = entry.event.data
            try:
                self.asked[Question(str(data["user"]), str(data["channel"]), int(data["position"]))] = time.monotonic()
            except (KeyError, TypeError, ValueError) as error:
                logger.warning("the question at %d cannot be read: %r", entry.position, error)
        self.seen = self.tail.cursor
        since = time.monotonic() - REPEATED_SECONDS
        self.asked = {question: moment for question, moment in self.asked.items() if moment >= since}
        return [finding(question) for question in self.asked]


def finding(asked: Question) -> dict[str, Any]:
    """Returns the user's streams in this process, first those that have written the event, and the time of the writing."""
    streams = list(islice(presence.of_user(asked.user), MOST_LOOKED_AT))
    streams.sort(key=lambda record: record.had(asked.channel, asked.position), reverse=True)
    told = [{**record._asdict(), "had": record.had(asked.channel, asked.position)} for record in streams[:MOST]]
    return {
        "user": asked.user,
        "position": asked.position,
        "fanned_out_at": metrics.written_at(asked.position),
        "streams": told,
    }
