"""The lab's server process, its sessions, and stream readers that reconnect as browsers do."""

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
    """Logs a user in without a password, as the log-in form does after its checks, and returns the cookie."""
    return {settings.SESSION_COOKIE_NAME: start_session(user)}


class Server:
    """`manage.py serve` as a process on a free port and the same database; a context manager."""

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
        """Starts the process and returns when it responds; raises RuntimeError with its output if it does not."""
        command = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), "serve", "--port", str(self.port)]
        try:
            self.process = LocalServer(command, self.port, Path(self._folder.name) / "log", health="/healthz")
        except AssertionError as error:
            raise RuntimeError(f"the lab's server does not start: {error}") from None

    def kill(self) -> None:
        """Kills the process with SIGKILL."""
        if self.process is not None:
            self.process.kill()

    def restart(self) -> None:
        """Ends the process with SIGTERM and starts it again."""
        if self.process is not None:
            self.process.terminate()
        self.start()


class Watcher:
    """Reads one stream to its end in a thread of its own, and reconnects as a browser does."""

    def __init__(self, site: str, path: str, cookies: dict[str, str]) -> None:
        """site: such as http://127.0.0.1:8000. Entering the context starts the thread."""
        self.url = site + path
        self.cookies = cookies
        self.events: list[ServerSentEvent] = []
        self.opened = threading.Event()
        self._last_id = ""
        self._over = threading.Event()
        self._client: SseClient | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        """Starts the thread and returns when the stream is open."""
        self._thread.start()
        if not self.opened.wait(STARTS_WITHIN):
            raise RuntimeError(f"{self.url} does not open")
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._client is not None:
            self._client.close()
        self._thread.join(STARTS_WITHIN)

    @property
    def kinds(self) -> list[str]:
        """The received kinds, in order."""
        return [event.event for event in self.events]

    @property
    def outcome(self) -> str:
        """The outcome in `finish`; empty before it."""
        finished = [event.json()["data"]["outcome"] for event in self.events if event.event == "finish"]
        return finished[0] if finished else ""

    def kinds_of(self, number: int) -> list[str]:
        """Returns the received kinds of one order, in order."""
        return [event.event for event in self.events if event.json()["data"].get("number") == number]

    def wait(self, ready: Callable[[list[str]], bool], seconds: float) -> None:
        """Returns when `ready(kinds)` is true, or after the given seconds."""
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
                        # After 204, and after any other status, a browser does not reconnect either.
                        return
                    self._read(client)
            except (OSError, HTTPException):
                # The server is down; a browser reconnects too.
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
