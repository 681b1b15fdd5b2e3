"""Run inside the settings of this project: a process that writes to the log when it is told to, by JSON lines.

python -m tests.benchmarks.writing
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import django
from django.db import transaction


def publish(run: int, first: int, count: int) -> dict[str, Any]:
    """Publishes events, each in a transaction of its own; says when each commit was over."""
    from .project import publish
    from .publishing import publish_events

    return {"commits": publish_events(publish, run=run, first=first, count=count)}


def write(writer: int, seconds: float, *, plain: bool = False) -> dict[str, Any]:
    """Writes as fast as it goes; says how long each transaction took, from its begin until it was sequenced.

    plain: only inserts the same rows and commits, as any table is written to.
    """
    from .project import insert, publish

    add = insert if plain else publish
    took: list[float] = []
    begun = now = time.monotonic_ns()
    deadline = begun + int(seconds * 1e9)
    while now < deadline:
        before = time.monotonic_ns()
        with transaction.atomic():
            add(f"{writer}.{len(took)}.0")
        now = time.monotonic_ns()
        took.append((now - before) / 1e6)
    return {"begun_ns": begun, "ended_ns": now, "took_ms": took}


def judge(written: dict[str, int], after: int) -> dict[str, Any]:
    """Whether the log holds past a position what so many writers wrote, each once and in order, and without a gap."""
    from notifications import log
    from notifications.models import Event

    found = Event.objects.filter(position__gt=after).order_by("position").values_list("position", "data")
    seen = dict.fromkeys(written, 0)
    wrong = 0
    for number, (position, data) in enumerate(found, start=1):
        writer, sequence, _at = data["mark"].split(".")
        wrong += position != after + number or int(sequence) != seen[writer]
        seen[writer] += 1
    return {"right": not wrong and seen == written and log.is_sequenced()}


def head() -> dict[str, Any]:
    """Where the log ends."""
    from notifications import log

    return {"head": log.head()}


def main() -> None:
    django.setup()
    commands: dict[str, Callable[..., dict[str, Any]]] = {
        "publish": publish,
        "write": write,
        "judge": judge,
        "head": head,
    }
    for line in sys.stdin:
        command = json.loads(line)
        answer = commands[command.pop("do")](**command)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
