"""Many readers in one thread: they drop their connections at random bytes and resume at another server.

Written for load, so it reads Server-Sent Events only as far as this site's streams go; tests/notifications/testing/test_sse_client.py holds the rest.
"""

import errno
import json
import random
import selectors
import socket
import time
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.torture.plan import Plan

# Longer than two pings: the connection is dead, whatever TCP says.
SILENCE = 40.0


class Wire:
    """Takes the bytes of one answer as they come, and gives its events."""

    def __init__(self) -> None:
        self.raw = b""
        self.text = b""
        self.status = 0
        self.ended = False

    def feed(self, data: bytes) -> Iterator[tuple[str | None, str, bytes]]:
        """Yields id, kind and data of each block that is complete."""
        self.raw += data
        if not self.status:
            head, found, rest = self.raw.partition(b"\r\n\r\n")
            if not found:
                return
            self.status, self.raw = int(head.split(b" ", 2)[1]), rest
            self.ended = self.status != 200
        self.unchunk()
        *blocks, self.text = self.text.split(b"\n\n")
        for block in blocks:
            name_of, kind, content = None, "message", b""
            for each in block.split(b"\n"):
                name, _, value = each.partition(b": ")
                if name == b"id":
                    name_of = value.decode()
                elif name == b"event":
                    kind = value.decode()
                elif name == b"data":
                    content = value
            yield name_of, kind, content

    def unchunk(self) -> None:
        """Moves what is complete from the chunks to the text (RFC 9112, section 7.1)."""
        at = 0
        while not self.ended:
            line = self.raw.find(b"\r\n", at)
            if line < 0:
                break
            size = int(self.raw[at:line], 16)
            if len(self.raw) < line + size + 4:
                break
            self.text += self.raw[line + 2 : line + 2 + size]
            at = line + size + 4
            self.ended = size == 0
        self.raw = self.raw[at:]


def position_of(name: str) -> int:
    """The position in an event's id, which is the position, or `epoch-position`."""
    return int(name.rpartition("-")[2])


@dataclass
class Inbox:
    """A model of one person's inbox, fed by events alone: position → whether it is unread."""

    items: dict[int, bool]

    def apply(self, position: int, kind: str, content: bytes) -> None:
        """Does what a page does on this event; it passes over what it does not show."""
        if kind not in ("inbox.read", "inbox.retracted"):
            self.items[position] = True
            return
        data: dict[str, Any] = json.loads(content)["data"]
        if kind == "inbox.retracted":
            self.remove(data["positions"])
            return
        if data["through"] is not None:
            for item in self.items:
                if item <= data["through"]:
                    self.items[item] = False
        for name, unread in (("read", False), ("unread", True)):
            self.items.update((item, unread) for item in data[name] if item in self.items)
        self.remove(data["dismissed"])

    def remove(self, positions: list[int]) -> None:
        for position in positions:
            self.items.pop(position, None)


@dataclass
class Reader:
    """One person's stream, over as many connections as it takes; `cursor` None begins with now, `order` is a payment page's."""

    user: int
    session: str
    cursor: str | None
    inbox: Inbox | None
    chance: random.Random
    order: int | None = None
    finishes: int = 0
    retracted: set[int] = field(default_factory=set)
    began_at: int = -1
    last: int = -1
    received: array = field(default_factory=lambda: array("q"))
    connection: socket.socket | None = None
    wire: Wire = field(default_factory=Wire)
    budget: int = 0
    sent: bool = False
    heard_at: float = 0.0
    again_at: float = 0.0
    retry: float = 0.0
    left_at: float = 0.0


class Fleet:
    """All readers; run() serves them until told to stop."""

    def __init__(self, people: list[dict[str, Any]], ports: list[int], plan: Plan) -> None:
        self.ports = ports
        self.patience, self.longest_pause = plan.patience, plan.longest_pause
        # Seconds that any reader was without a stream.
        self.longest_away = 0.0
        self.counts: Counter[str] = Counter()
        self.deliveries = 0
        self.selector = selectors.DefaultSelector()
        self.readers = []
        for number, person in enumerate(people):
            # Three of four begin as a page does, with the cursor it was rendered at; the others with now.
            begins = number % 4 != 3
            items = {int(position): unread for position, unread in person["inbox"].items()}
            reader = Reader(
                person["user"],
                person["session"],
                str(person["cursor"]) if begins else None,
                Inbox(items) if begins else None,
                random.Random(f"{plan.seed} reader {number}"),
            )
            if begins:
                reader.began_at = reader.last = person["cursor"]
            self.readers.append(reader)
            if person["order"] is not None:
                page_chance = random.Random(f"{plan.seed} page {number}")
                page = Reader(person["user"], person["session"], None, None, page_chance, order=person["order"])
                # A payment page is sent everything that has happened to its order.
                page.began_at = page.last = 0
                self.readers.append(page)

    def connect(self, reader: Reader) -> None:
        """Begins a connection to any server."""
        port = reader.chance.choice(self.ports)
        reader.connection = socket.socket()
        reader.connection.setblocking(False)
        reader.wire, reader.sent = Wire(), False
        reader.budget = int(reader.chance.expovariate(1 / self.patience)) + 1
        reader.heard_at = time.monotonic()
        reader.retry = 0.0
        if reader.connection.connect_ex(("127.0.0.1", port)) not in (0, errno.EINPROGRESS):
            self.disconnect(reader, "not connected")
            return
        self.selector.register(reader.connection, selectors.EVENT_WRITE, reader)

    def disconnect(self, reader: Reader, why: str) -> None:
        """Ends a connection; the reader comes back."""
        assert reader.connection is not None
        self.counts[why] += 1
        if reader.connection.fileno() in self.selector.get_map():
            self.selector.unregister(reader.connection)
        reader.connection.close()
        reader.connection = None
        now = time.monotonic()
        reader.left_at = reader.left_at or now
        reader.again_at = now + max(min(reader.retry, self.longest_pause), reader.chance.uniform(0.0, 0.3))

    def request(self, reader: Reader) -> None:
        """Asks for the stream, from where the reader was, by header or query."""
        assert reader.connection is not None
        if reader.connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.disconnect(reader, "not connected")
            return
        query, header = [], ""
        if reader.cursor is not None and reader.chance.random() < 0.5:
            query.append(f"lastEventId={reader.cursor}")
        elif reader.cursor is not None:
            header = f"Last-Event-ID: {reader.cursor}\r\n"
        if reader.cursor is not None and reader.chance.random() < 0.1:
            query.append("mode=reconnect")
        path = "/events/" if reader.order is None else f"/orders/{reader.order}/events/"
        path += "?" + "&".join(query) if query else ""
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: sessionid={reader.session}\r\n{header}\r\n"
        try:
            reader.connection.send(head.encode())
        except OSError:
            self.disconnect(reader, "broken")
            return
        reader.sent = True
        self.counts["requests"] += 1
        self.selector.modify(reader.connection, selectors.EVENT_READ, reader)

    def read(self, reader: Reader) -> None:
        """Takes what has come, up to the byte at which the reader drops it."""
        assert reader.connection is not None
        try:
            data = reader.connection.recv(65536)
        except OSError:
            self.disconnect(reader, "broken")
            return
        reader.heard_at = time.monotonic()
        taken = data[: reader.budget]
        reader.budget -= len(taken)
        for name, kind, content in reader.wire.feed(taken):
            self.take(reader, name, kind, content)
        if reader.finishes:
            self.disconnect(reader, "finished")
        elif reader.wire.status not in (0, 200):
            self.disconnect(reader, f"status {reader.wire.status}")
        elif reader.wire.ended:
            self.disconnect(reader, "ended by the server")
        elif not data:
            self.disconnect(reader, "broken")
        elif reader.budget <= 0:
            self.disconnect(reader, "dropped at a random byte")

    def take(self, reader: Reader, name: str | None, kind: str, content: bytes) -> None:
        """Takes one block: the opening, an event, or what steers the reader."""
        if kind == "bye":
            reader.retry = json.loads(content)["retry"] / 1000
            self.counts["bye"] += 1
            # The bye of a stream that was shed has no id.
            reader.cursor = reader.cursor if name is None else name
            return
        if kind == "reset":
            self.counts["reset"] += 1
        if name is None:
            return
        if reader.left_at:
            self.longest_away = max(self.longest_away, time.monotonic() - reader.left_at)
            reader.left_at = 0.0
        reader.cursor, position = name, position_of(name)
        if reader.began_at < 0:
            reader.began_at = reader.last = position
        if not content or kind == "ping":
            return
        self.deliveries += 1
        reader.received.append(position)
        reader.last = position
        reader.finishes += kind == "finish"
        if kind == "inbox.retracted":
            reader.retracted.update(json.loads(content)["data"]["positions"])
        if reader.inbox is not None:
            reader.inbox.apply(position, kind, content)

    def serve(self, seconds: float) -> None:
        """Serves all readers for about this long."""
        until = time.monotonic() + seconds
        while (now := time.monotonic()) < until:
            for reader in self.readers:
                if reader.connection is None:
                    if now >= reader.again_at and not reader.finishes:
                        self.connect(reader)
                elif now - reader.heard_at > SILENCE:
                    self.disconnect(reader, "silent")
            for key, _events in self.selector.select(0.05):
                (self.read if key.data.sent else self.request)(key.data)

    def all_served(self) -> bool:
        """Whether every reader has a stream that has begun."""
        return all(
            reader.finishes or (reader.connection is not None and reader.began_at >= 0 and not reader.left_at)
            for reader in self.readers
        )

    def close(self) -> None:
        """Drops what is open."""
        for reader in self.readers:
            if reader.connection is not None:
                self.disconnect(reader, "closed in the end")
        self.selector.close()
