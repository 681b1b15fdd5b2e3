"""Asking every process what its streams did for one person: asked through the log, answered in the processes' reports.

A table of all streams would cost a write for each that opens; a question costs one row, and only who is asked about is
reported.
"""

import time
from typing import TYPE_CHECKING, Any

from notifications import log, metrics, records
from notifications.listeners import CONTROL

if TYPE_CHECKING:
    from notifications.tail import Tail

# Every tail sees it pass; no stream listens to it.
CHANNEL = f"{CONTROL}inquiries"
KIND = "control.inquiry"
# How long a process repeats its answer, in seconds; whoever asked has long seen it then.
REPEATED_SECONDS = 120.0
# Streams of one person that are told of.
MOST = 50


def ask(asker_id: Any, user_id: Any, position: int) -> None:
    """Asks all processes which of a person's streams had the event at this position; the log keeps who asked."""
    log.append(CHANNEL, KIND, {"asker": str(asker_id), "user": str(user_id), "position": position})


class Inbox:
    """What one process has been asked."""

    def __init__(self, tail: "Tail") -> None:
        """Nothing yet."""
        self.tail = tail
        self.seen = tail.cursor
        self.asked: dict[tuple[str, int], float] = {}

    def findings(self) -> list[dict[str, Any]]:
        """The answers to what has been asked lately."""
        for entry in self.tail.controls_since(self.seen, CHANNEL) or ():
            self.asked[entry.event.data["user"], entry.event.data["position"]] = time.monotonic()
        self.seen = self.tail.cursor
        since = time.monotonic() - REPEATED_SECONDS
        self.asked = {question: moment for question, moment in self.asked.items() if moment >= since}
        return [finding(user_id, position) for user_id, position in self.asked]


def finding(user_id: str, position: int) -> dict[str, Any]:
    """What this process knows: the streams that may have had the event, and when it was written."""
    found = []
    for record in records.of_user(user_id):
        told = {**record._asdict(), "had": record.had(position)}
        found.append(told)
        if len(found) == MOST:
            break
    return {"user": user_id, "position": position, "written_at": metrics.written_at(position), "streams": found}
