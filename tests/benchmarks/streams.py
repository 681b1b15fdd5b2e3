"""Streams of the load client: opening many of them a few at a time, and one of them by itself."""

import socket
import time
from pathlib import Path
from typing import Any

from .wire import EventParser, ResponseDecoder, SentEvent, WireError


class OpenStream:
    __slots__ = (
        "decoder",
        "failure",
        "fd",
        "index",
        "open",
        "parser",
        "request",
        "requested",
        "seen",
        "socket",
        "started",
    )

    def __init__(self, index: int, address: tuple[str, int], request: bytes) -> None:
        self.index = index
        self.request = request
        self.requested = False
        self.open = False
        self.failure = ""
        self.seen: set[int] = set()
        self.decoder = ResponseDecoder()
        self.parser = EventParser()
        self.started = time.monotonic_ns()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setblocking(False)
        self.fd = self.socket.fileno()
        self.socket.connect_ex(address)

    @property
    def ended(self) -> bool:
        return self.decoder.ended

    def send_request(self) -> str:
        """Why it failed, or nothing. A request is far smaller than an empty socket buffer: it goes out whole."""
        error = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            return f"connection failed, errno {error}"
        self.socket.send(self.request)
        self.requested = True
        return ""

    def feed(self, data: bytes) -> list[SentEvent]:
        try:
            body = self.decoder.feed(data)
        except WireError as error:
            self.failure = str(error)
            return []
        if self.decoder.status not in {None, 200}:
            self.failure = f"status {self.decoder.status}"
            return []
        # A stream is open when something of its body has come: only then has the server said it listens.
        self.open = self.open or bool(body)
        return self.parser.feed(body)


class Opening:
    """So many streams, `window` of them on their way at a time."""

    def __init__(
        self,
        *,
        first_index: int,
        count: int,
        window: int,
        seconds: float,
        host: str,
        ports: list[int],
        path: str,
        cookies: str,
        last_id: str,
    ) -> None:
        self.addresses = [(host, port) for port in ports]
        self.window = window
        self.resume = f"Last-Event-ID: {last_id}\r\n" if last_id else ""
        self.begun = time.monotonic_ns()
        self.deadline = time.monotonic() + seconds
        lines = Path(cookies).read_text().splitlines()[first_index : first_index + count]
        self.waiting = [self.planned(index, path, cookie) for index, cookie in enumerate(lines, start=first_index)]
        self.waiting.reverse()
        self.on_their_way = 0
        self.last_opened = self.begun
        self.delays: list[int] = []
        self.failures: dict[str, int] = {}

    def planned(self, index: int, path: str, cookie: str) -> tuple[int, tuple[str, int], bytes]:
        """Everything of a stream's opening that need not be done while others are opened."""
        host, port = address = self.addresses[index % len(self.addresses)]
        head = (
            f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: text/event-stream\r\n"
            f"Cookie: {cookie}\r\n{self.resume}\r\n"
        )
        return index, address, head.encode("ascii")

    def next_streams(self, now: float) -> list[OpenStream]:
        started = []
        while self.waiting and self.on_their_way < self.window and now < self.deadline:
            started.append(OpenStream(*self.waiting.pop()))
            self.on_their_way += 1
        return started

    def opened(self, stream: OpenStream, now: int) -> None:
        self.on_their_way -= 1
        self.last_opened = now
        self.delays.append(now - stream.started)

    def failed(self, reason: str) -> None:
        self.on_their_way -= 1
        self.failures[reason] = self.failures.get(reason, 0) + 1

    def finished(self, now: float) -> bool:
        return now >= self.deadline or (not self.waiting and self.on_their_way == 0)

    def result(self) -> dict[str, Any]:
        return {
            "done": "open",
            "begun_ns": self.begun,
            "opened": len(self.delays),
            "seconds": (self.last_opened - self.begun) / 1e9,
            "failures": self.failures,
            "unopened": len(self.waiting),
        }
