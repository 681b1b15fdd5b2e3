"""Reads streams of the application in this process, without a server: for what depends on exact order and timing."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.test import Client

from notifications.concurrency import and_disconnect
from notifications.stream import runtime
from tests.support.sse import Event, SseParser

T = TypeVar("T")
WAIT = 10.0


async def in_thread(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Runs database work on a thread of its own, as a request would."""
    return await asyncio.to_thread(and_disconnect, function, *args, **kwargs)


def cookies_of(user: User) -> bytes:
    """Logs a person in and returns the cookie header."""
    client = Client()
    client.force_login(user)
    return f"sessionid={client.cookies['sessionid'].value}".encode()


def http_scope(path: str, *, method: str = "GET", query: str = "", headers: Mapping[str, str]) -> dict[str, Any]:
    """The scope of a request from this machine (ASGI specification, "HTTP Connection Scope")."""
    return {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ["127.0.0.1", 1],
        "server": ["127.0.0.1", 80],
    }


class Reader:
    """One stream being read."""

    def __init__(
        self, application: Any, path: str, cookie: bytes = b"", query: str = "", method: str = "GET", **headers
    ):
        self.application = application
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        given = {"host": "localhost", "cookie": cookie.decode(), **named}
        self.scope = http_scope(path, method=method, query=query, headers=given)
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.ended = False
        self.writes = 0
        self.parser = SseParser()
        self.events: list[Event] = []
        self._received: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._changed = asyncio.Event()
        self._received.put_nowait({"type": "http.request", "body": b"", "more_body": False})
        self.task = asyncio.ensure_future(application(self.scope, self._received.get, self._send))

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
        else:
            self.writes += 1
            self.body += message["body"]
            self.events += self.parser.feed(message["body"])
            self.ended = not message.get("more_body", False)
        self._changed.set()

    async def until(self, condition: Callable[["Reader"], Any]) -> "Reader":
        """Returns once the condition holds; fails when it takes too long."""
        try:
            async with asyncio.timeout(WAIT):
                while not condition(self):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"status {self.status}, ended {self.ended}, got {self.events}") from None
        return self

    async def opened(self) -> "Reader":
        """Returns once the first bytes are there."""
        return await self.until(lambda reader: reader.body or reader.ended)

    async def end(self) -> "Reader":
        """Returns once the answer is over."""
        await self.until(lambda reader: reader.ended)
        await self.task
        return self

    async def leave(self) -> None:
        """Drops the connection, as a closed tab does."""
        self._received.put_nowait({"type": "http.disconnect"})
        await self.task

    def told(self) -> list[tuple[int, str]]:
        """Position and kind of what was delivered."""
        return [(event.position, event.event) for event in self.events if event.event not in ("ping", "bye", "reset")]


@asynccontextmanager
async def following():
    """Runs with a tail of its own; readers that are left over are dropped."""
    try:
        yield await runtime.running()
    finally:
        await runtime.stop()


def run(scenario: Callable[[], Awaitable[T]]) -> T:
    """Runs an asynchronous scenario with a tail."""

    async def main() -> T:
        async with following():
            return await scenario()

    return asyncio.run(main())
