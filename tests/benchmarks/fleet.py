"""The driver's end of the load client: start it, tell it what to do, read back what it received."""

import array
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from .errors import BenchmarkError

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = 5
# Daphne's own backlog is 50: more connections than that on their way at once would measure lost SYN packets.
WINDOW = 32


class Delivery(NamedTuple):
    stream: int
    sequence: int
    event_id: int
    published_ns: int
    received_ns: int


@dataclass(frozen=True)
class Opened:
    begun_ns: int
    opened: int
    seconds: float
    failures: dict[str, int]
    unopened: int

    @property
    def per_second(self) -> float:
        return self.opened / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Received:
    streams: int
    complete: int
    last_id: str
    strays: int
    ended: int
    other_kinds: dict[str, int]
    reading_seconds: float
    deliveries: list[Delivery]


class Fleet:
    """Streams held open in a process of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.answers = b""
        self.streams = 0
        # When the last opening began, on the clock of deliveries.
        self.begun_ns = 0
        self.patience = 0.0
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.load"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.communicate()

    def open(
        self,
        *,
        ports: Sequence[int],
        path: str,
        cookies: Path,
        count: int,
        seconds: float,
        window: int = WINDOW,
        last_id: str = "",
    ) -> Opened:
        """Opens streams, on the ports in turn."""
        self.tell(
            do="open",
            host="127.0.0.1",
            ports=list(ports),
            path=path,
            cookies=str(cookies),
            count=count,
            window=window,
            last_id=last_id,
            seconds=seconds,
        )
        answer = self.answer("open", seconds + 10)
        self.streams += answer["opened"]
        self.begun_ns = answer["begun_ns"]
        del answer["done"]
        return Opened(**answer)

    def expect(self, *, run: int, events: int, seconds: float, streams: int | None = None) -> None:
        """From now on deliveries of this run are written down; `received` returns them.

        streams: how many are to hear them; default: those that are open.
        """
        hearing = self.streams if streams is None else streams
        self.tell(do="expect", run=run, events=events, streams=hearing, seconds=seconds, records=str(self.records))
        self.answer("ready", 10)
        self.patience = seconds + 20

    def received(self) -> Received:
        answer = self.answer("expect", self.patience)
        del answer["done"]
        numbers = array.array("q", self.records.read_bytes())
        columns = [iter(numbers)] * COLUMNS
        return Received(deliveries=[Delivery(*row) for row in zip(*columns, strict=True)], **answer)

    def close(self) -> None:
        self.tell(do="close")
        self.answer("close", 20)
        self.streams = 0

    @property
    def records(self) -> Path:
        return self.folder / "deliveries.bin"

    def tell(self, **command: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        self.process.stdin.flush()

    def answer(self, done: str, seconds: float) -> dict[str, Any]:
        assert self.process.stdout is not None
        deadline = time.monotonic() + seconds
        while b"\n" not in self.answers:
            ready = select.select([self.process.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]
            received = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not received:
                raise BenchmarkError(f"the load client did not answer “{done}” within {seconds:.0f} s")
            self.answers += received
        line, _, self.answers = self.answers.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        if answer["done"] != done:
            raise BenchmarkError(f"the load client answered “{answer['done']}” where “{done}” was due")
        return answer
