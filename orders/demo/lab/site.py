"""What the lab stands on: a server of its own, sessions, and readers that reconnect as a browser does."""

import sys
import tempfile
import threading
import time
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any, Self

from django.conf import settings

from notifications.testing import LocalServer, ServerSentEvent, SseClient, free_port, start_session

STARTS_WITHIN = 30.0
RECONNECTS_AFTER = 0.2


def session_of(user: Any) -> dict[str, str]:
    """Logs a person in without a password, and returns the cookie; what the log-in form does once it is satisfied."""
    return {settings.SESSION_COOKIE_NAME: start_session(user)}


class Server:
    """`manage.py serve` on a free port, as a process of its own on the same database; it can be restarted."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: LocalServer | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="lab-")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._folder.cleanup()

    def start(self) -> None:
        """Starts it, and returns once it answers; raises RuntimeError with its output if it does not."""
        command = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), "serve", "--port", str(self.port)]
        try:
            self.process = LocalServer(command, self.port, Path(self._folder.name) / "log", health="/healthz")
        except AssertionError as error:
            raise RuntimeError(f"the lab's server does not start: {error}") from None

    def kill(self) -> None:
        """Ends it without warning."""
        if self.process is not None:
            self.process.kill()

    def restart(self) -> None:
        """Ends it in good order and starts it again."""
        if self.process is not None:
            self.process.terminate()
        self.start()


class Watcher:
    """Reads one stream from its beginning to its end, over any number of connections, on a thread of its own."""

    def __init__(self, site: str, path: str, cookies: dict[str, str]) -> None:
        """site: such as http://127.0.0.1:8000; the with statement begins to read."""
        self.url = site + path
        self.cookies = cookies
        self.events: list[ServerSentEvent] = []
        self.opened = threading.Event()
        self._last_id = ""
        self._over = threading.Event()
        self._client: SseClient | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        """Begins, and returns once the stream is open."""
        self._thread.start()
        if not self.opened.wait(STARTS_WITHIN):
            raise RuntimeError(f"{self.url} does not open")
        return self

    def __exit__(self, *_: object) -> None:
        """Ends."""
        self._over.set()
        if self._client is not None:
            self._client.close()
        self._thread.join(STARTS_WITHIN)

    @property
    def kinds(self) -> list[str]:
        """The kinds that arrived, in order."""
        return [event.event for event in self.events]

    @property
    def outcome(self) -> str:
        """What `finish` said."""
        finished = [event.json()["data"]["outcome"] for event in self.events if event.event == "finish"]
        return finished[0] if finished else ""

    def kinds_of(self, number: int) -> list[str]:
        """The kinds that arrived of one order."""
        return [event.event for event in self.events if event.json()["data"].get("number") == number]

    def wait(self, ready: Callable[[list[str]], bool], seconds: float) -> None:
        """Returns once `ready` holds of the kinds, or the time is up."""
        deadline = time.monotonic() + seconds
        while not ready(self.kinds) and time.monotonic() < deadline:
            time.sleep(0.05)

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                headers = {"Last-Event-ID": self._last_id} if self._last_id else {}
                with SseClient(self.url, self.cookies, headers) as client:
                    self._client = client
                    if client.status != 200:
                        # 204: over for good. Anything else: a browser would give up too.
                        return
                    self._read(client)
            except (OSError, HTTPException):
                # The server is away; a browser comes back too.
                pass
            self._over.wait(RECONNECTS_AFTER)

    def _read(self, client: SseClient) -> None:
        seen = 0
        while True:
            closed = client.closed
            for event in client.events[seen:]:
                seen += 1
                if event.event not in ("ping", "bye", "reset"):
                    self.events.append(event)
            self._last_id = client.last_event_id or self._last_id
            if self._last_id:
                self.opened.set()
            if closed or self._over.is_set():
                return
            time.sleep(0.02)
