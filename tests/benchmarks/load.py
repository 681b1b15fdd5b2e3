"""The load client: one process that holds thousands of event streams and writes down when each event came.

It is driven by JSON lines on standard input and answers with JSON lines; `fleet.py` is the other end. Its hot loop only
reads sockets and stamps what it read; parsing waits until no socket has anything, so that the client's own work is not
measured as the server's delay. A faster program that keeps this conversation and the layout of the records file can
take its place.
"""

import array
import gc
import json
import os
import re
import resource
import select
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

from .streams import Opening, OpenStream

# run.sequence.published, as the sites under test put it in an event's data.
MARK = re.compile(rb'"mark": ?"(\d+)\.(\d+)\.(\d+)"')
LAST_NUMBER = re.compile(rb"(\d+)\D*$")
# nchan's ids: a second, and which message of that second.
SECOND_AND_COUNT = re.compile(rb"(\d+):(\d+)")
READ_BYTES = 65536
# Parsing starts when nothing has come for this long, and looks up again after so many reads: about 0.4 ms.
QUIET_SECONDS = 0.002
HELPING = 20
# After the last event was seen, a duplicate of it may still be on its way.
LINGER_SECONDS = 0.3
STDIN = 0


class LoadClient:
    def __init__(self) -> None:
        self.poller = select.epoll()
        self.streams: dict[int, OpenStream] = {}
        self.unparsed: deque[tuple[OpenStream, int, bytes]] = deque()
        self.opening: Opening | None = None
        self.run = -1
        self.expected = 0
        # How many streams are to hear it: in a storm more than are open yet.
        self.hearing = 0
        self.last_id = ""
        self.complete = 0
        self.deadline = 0.0
        self.finish_at: float | None = None
        self.quiet = True
        # Processor time when the run began, and since then in parsing.
        self.begun_cpu = self.parsing = 0.0
        self.records = array.array("q")
        self.records_path = Path()
        self.strays = 0
        self.ended = 0
        self.other_kinds: dict[str, int] = {}
        self.commands = b""

    def main(self) -> None:
        self.poller.register(STDIN, select.EPOLLIN)
        os.set_blocking(STDIN, False)
        while True:
            ready = self.poller.poll(self.patience())
            for fd, flags in ready:
                if fd == STDIN:
                    if not self.obey():
                        return
                else:
                    self.read(fd, flags)
            self.quiet = not ready
            if self.quiet and self.unparsed:
                self.parse()
            self.keep_appointments()

    def patience(self) -> float:
        if self.unparsed:
            return 0.0 if self.quiet else QUIET_SECONDS
        return 0.02 if self.opening or self.expected else 1.0

    def read(self, fd: int, flags: int) -> None:
        stream = self.streams.get(fd)
        if stream is None:
            return
        if not stream.requested:
            self.request(stream, flags)
            return
        try:
            data = stream.socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        now = time.monotonic_ns()
        if not data:
            self.drop(stream, "closed by the server")
        elif stream.open:
            self.unparsed.append((stream, now, data))
        else:
            self.take(stream, now, data)

    def request(self, stream: OpenStream, flags: int) -> None:
        failure = stream.send_request() if flags & select.EPOLLOUT else "connection refused"
        if failure:
            self.drop(stream, failure)
        else:
            self.poller.modify(stream.socket, select.EPOLLIN)

    def parse(self) -> None:
        begun = time.process_time()
        for _ in range(min(len(self.unparsed), HELPING)):
            self.take(*self.unparsed.popleft())
        self.parsing += time.process_time() - begun

    def take(self, stream: OpenStream, now: int, data: bytes) -> None:
        was_open = stream.open
        events = stream.feed(data)
        if stream.failure:
            self.drop(stream, stream.failure)
            return
        if stream.open and not was_open and self.opening:
            self.opening.opened(stream, now)
        for event in events:
            mark = MARK.search(event.data)
            if mark is None:
                kind = event.kind.decode(errors="replace")
                self.other_kinds[kind] = self.other_kinds.get(kind, 0) + 1
                continue
            run, sequence, published = map(int, mark.groups())
            if run != self.run:
                self.strays += 1
                continue
            self.last_id = event.id.decode("ascii", errors="replace")
            self.records.extend((stream.index, sequence, number_of(event.id), published, now))
            if sequence not in stream.seen:
                stream.seen.add(sequence)
                self.complete += len(stream.seen) == self.expected
        if stream.ended:
            self.drop(stream, "response ended")

    def drop(self, stream: OpenStream, reason: str) -> None:
        if self.streams.pop(stream.fd, None) is None:
            return
        self.poller.unregister(stream.fd)
        stream.socket.close()
        if stream.open:
            self.ended += 1
        elif self.opening:
            self.opening.failed(reason)

    def keep_appointments(self) -> None:
        now = time.monotonic()
        if self.opening:
            for stream in self.opening.next_streams(now):
                self.streams[stream.fd] = stream
                self.poller.register(stream.fd, select.EPOLLOUT)
            if self.opening.finished(now):
                for stream in [stream for stream in self.streams.values() if not stream.open]:
                    self.drop(stream, "not answered in time")
                say(self.opening.result())
                self.opening = None
        if self.expected and self.finish_at is None and self.complete >= self.hearing:
            self.finish_at = now + LINGER_SECONDS
        if self.expected and (now >= self.deadline or (self.finish_at is not None and now >= self.finish_at)):
            self.report()

    def report(self) -> None:
        while self.unparsed:
            self.parse()
        self.expected = 0
        with self.records_path.open("wb") as file:
            self.records.tofile(file)
        say(
            {
                "done": "expect",
                "streams": len(self.streams),
                "complete": self.complete,
                "last_id": self.last_id,
                "strays": self.strays,
                "ended": self.ended,
                "other_kinds": self.other_kinds,
                "reading_seconds": time.process_time() - self.begun_cpu - self.parsing,
            }
        )

    def obey(self) -> bool:
        received = os.read(STDIN, READ_BYTES)
        self.commands += received
        *lines, self.commands = self.commands.split(b"\n")
        for line in lines:
            command = json.loads(line)
            getattr(self, f"do_{command.pop('do')}")(**command)
        return bool(received)

    def do_open(self, **options: Any) -> None:
        self.opening = Opening(first_index=len(self.streams), **options)

    def do_expect(self, run: int, events: int, streams: int, seconds: float, records: str) -> None:
        self.run, self.expected, self.hearing, self.records_path = run, events, streams, Path(records)
        self.deadline, self.finish_at = time.monotonic() + seconds, None
        self.complete = self.strays = self.ended = 0
        self.records, self.other_kinds = array.array("q"), {}
        for stream in self.streams.values():
            stream.seen.clear()
        self.begun_cpu, self.parsing = time.process_time(), 0.0
        say({"done": "ready"})

    def do_close(self) -> None:
        for stream in self.streams.values():
            self.poller.unregister(stream.fd)
            stream.socket.close()
        self.streams.clear()
        self.unparsed.clear()
        say({"done": "close"})


def number_of(event_id: bytes) -> int:
    """An event's id as a number that rises with the ids; -1 without one."""
    if both := SECOND_AND_COUNT.fullmatch(event_id):
        return int(both[1]) * 1_000_000 + int(both[2])
    last = LAST_NUMBER.search(event_id)
    return int(last[1]) if last else -1


def say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # No cycles are made here, and a collection over thousands of streams would show as a server's delay.
    gc.disable()
    LoadClient().main()
