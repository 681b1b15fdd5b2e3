"""Consumers that write a line for each event into a file, as the tests ask by the events themselves."""

import os
import signal
import time
from pathlib import Path

from notifications.consumers import consumer


def note(text: str) -> None:
    """Appends a line at once, so that a kill right behind it loses nothing."""
    with Path(os.environ["RECORD"]).open("a") as file:
        file.write(f"{text}\n")


@consumer("recorder", kinds=["test.thing", "test.poison", "test.killer", "inbox.retracted"], batch=10, attempts=2)
def record(batch):
    for event in batch:
        if event.kind == "test.killer":
            note(f"{os.getpid()} begins {event.position}")
            os.kill(os.getpid(), signal.SIGKILL)
        if event.kind == "test.poison":
            raise ValueError("poison")
        time.sleep(float(os.environ.get("EVENT_SECONDS", "0")))
        note(f"{os.getpid()} {time.time() - event.created_at.timestamp():.3f} {event.position}")
