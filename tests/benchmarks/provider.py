"""The payment provider under load, and its buyers: a process that sends signed callbacks and reads payment streams.

    python -m tests.benchmarks.provider PORT CALLBACKS_FILE CONNECTIONS PER_SECOND WATCHED

CONNECTIONS are kept alive, each with one callback on its way at a time; PER_SECOND 0: as fast as they are answered. The
buyers of the first WATCHED orders have their payment page's stream open. Answers with one JSON line.
"""

import json
import select
import socket
import sys
import time
from pathlib import Path
from typing import Any

from .streams import OpenStream
from .wire import ResponseDecoder

HOST = "127.0.0.1"
OPENING = 20.0
FINISHING = 15.0


class Sender:
    """One kept-alive connection: sends a callback, awaits its answer."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection((HOST, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.busy_since = 0
        self.answer = b""

    def send(self, request: bytes) -> None:
        self.busy_since, self.answer = time.monotonic_ns(), b""
        self.socket.sendall(request)

    def read(self) -> tuple[int, bytes] | None:
        """The status and the body, once they are there."""
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the server hung up on the payment provider")
        self.answer += data
        head, found, rest = self.answer.partition(b"\r\n\r\n")
        if not found:
            return None
        decoder = ResponseDecoder()
        body = decoder.feed(self.answer)
        fields = dict(line.lower().partition(b": ")[::2] for line in head.split(b"\r\n")[1:])
        if b"content-length" in fields:
            if len(rest) < int(fields[b"content-length"]):
                return None
        elif not decoder.ended:
            return None
        self.busy_since = 0
        return decoder.status or 0, body


class Provider:
    def __init__(self, port: int, callbacks: list[dict[str, Any]], connections: int, pace: float, watched: int) -> None:
        self.port = port
        self.callbacks = callbacks
        self.requests = [request(port, callback) for callback in callbacks]
        self.pace = pace
        self.poller = select.epoll()
        self.streams: dict[int, OpenStream] = {}
        self.watched = callbacks[:watched]
        self.finished: dict[int, int] = {}
        self.errors: dict[str, int] = {}
        self.answers_ms: list[float] = []
        self.connections = connections

    def run(self) -> dict[str, Any]:
        self.open_streams()
        senders = {}
        for _ in range(self.connections):
            sender = Sender(self.port)
            senders[sender.socket.fileno()] = sender
            self.poller.register(sender.socket, select.EPOLLIN)
        begun = last = time.monotonic_ns()
        sent, idle = 0, list(senders.values())
        deadline = 0.0
        while True:
            while idle and sent < len(self.requests) and time.monotonic_ns() - begun >= self.due(sent):
                idle.pop().send(self.requests[sent])
                sent += 1
            for fd, _flags in self.poller.poll(self.patience(sent, begun, waiting=bool(idle))):
                if fd in self.streams:
                    self.read_stream(fd)
                    continue
                sender = senders[fd]
                since = sender.busy_since
                answer = sender.read()
                if answer is not None:
                    last = time.monotonic_ns()
                    self.answers_ms.append((last - since) / 1e6)
                    if answer != (200, b"success"):
                        reason = f"{answer[0]} {answer[1][:80]!r}"
                        self.errors[reason] = self.errors.get(reason, 0) + 1
                    idle.append(sender)
            if len(self.answers_ms) == len(self.requests):
                deadline = deadline or time.monotonic() + FINISHING
                if len(self.finished) == len(self.watched) or time.monotonic() > deadline:
                    break
        return {
            "answered": len(self.answers_ms),
            "seconds": (last - begun) / 1e9,
            "answers_ms": sorted(self.answers_ms),
            "errors": self.errors,
            "finished": self.finished,
            "cpu_seconds": time.process_time(),
        }

    def due(self, number: int) -> int:
        return int(number / self.pace * 1e9) if self.pace else 0

    def patience(self, sent: int, begun: int, *, waiting: bool) -> float:
        if not (self.pace and waiting and sent < len(self.requests)):
            return 0.5
        return max(0.0, (self.due(sent) - (time.monotonic_ns() - begun)) / 1e9)

    def open_streams(self) -> None:
        deadline = time.monotonic() + OPENING
        for number, callback in enumerate(self.watched):
            head = (
                f"GET /orders/{callback['order']}/events/ HTTP/1.1\r\nHost: {HOST}:{self.port}\r\n"
                f"Accept: text/event-stream\r\nCookie: {callback['cookie']}\r\n\r\n"
            )
            stream = OpenStream(number, (HOST, self.port), head.encode("ascii"))
            # One at a time: how fast streams open is measured elsewhere.
            select.select([], [stream.socket], [], 5)
            failure = stream.send_request()
            while not (failure or stream.open):
                select.select([stream.socket], [], [], max(0.0, deadline - time.monotonic()))
                stream.feed(stream.socket.recv(65536))
                failure = stream.failure
            if failure:
                raise ConnectionError(f"a payment stream could not be opened: {failure}")
            self.streams[stream.fd] = stream
            self.poller.register(stream.fd, select.EPOLLIN)

    def read_stream(self, fd: int) -> None:
        stream = self.streams[fd]
        data = stream.socket.recv(65536)
        now = time.monotonic_ns()
        events = stream.feed(data) if data else []
        for event in events:
            if event.kind == b"finish":
                self.finished.setdefault(self.watched[stream.index]["order"], now)
        if not data or stream.ended:
            self.poller.unregister(fd)
            stream.socket.close()
            del self.streams[fd]


def request(port: int, callback: dict[str, Any]) -> bytes:
    body = callback["body"].encode()
    headers = {"host": f"{HOST}:{port}", **callback["headers"], "content-length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /payments/callback/ HTTP/1.1\r\n{lines}\r\n".encode("ascii") + body


def main(port: str, callbacks: str, connections: str, pace: str, watched: str) -> None:
    lines = [json.loads(line) for line in Path(callbacks).read_text().splitlines()]
    result = Provider(int(port), lines, int(connections), float(pace), int(watched)).run()
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
