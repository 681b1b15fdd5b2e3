"""Streams of the project under test."""

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.conf import settings
from django.db import connections
from django.urls import reverse

from notifications.testing.login import start_session
from notifications.testing.server_process import STARTS_WITHIN, LocalServer, free_port
from notifications.testing.sse_client import SseClient

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser


class Streams:
    """Streams of the project under test, from a server process that is started with the first."""

    def __init__(self) -> None:
        self.clients: list[SseClient] = []
        self._folder = tempfile.TemporaryDirectory(prefix="streams-")
        self._server: LocalServer | None = None

    @property
    def url(self) -> str:
        """The server's address, without a slash at its end; starts the server if it does not run."""
        if self._server is None:
            self._server = self._start()
        return self._server.url

    def __call__(
        self,
        user: "AbstractBaseUser | None",
        path: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        **query: str,
    ) -> SseClient:
        """Opens a stream as this user (None: not logged in), and returns once the server has answered.

        path: default: the stream of all that the user receives. headers: such as Last-Event-ID. query: parameters of the
        address.
        """
        address = self.url + (path or reverse("notifications:stream")) + (f"?{urlencode(query)}" if query else "")
        cookies = {} if user is None else {settings.SESSION_COOKIE_NAME: start_session(user)}
        client = SseClient(address, cookies=cookies, headers=headers, timeout=STARTS_WITHIN)
        self.clients.append(client)
        return client

    def close(self) -> None:
        """Closes the streams and ends the server."""
        for client in self.clients:
            client.close()
        if self._server is not None:
            self._server.kill()
        self._folder.cleanup()

    def _start(self) -> LocalServer:
        names = {connection.alias: str(connection.settings_dict["NAME"]) for connection in connections.all()}
        if memory := [alias for alias, name in names.items() if ":memory:" in name or "mode=memory" in name]:
            raise AssertionError(
                f"the test database {memory[0]!r} is in memory, where no server process can see it:"
                f' set DATABASES[{memory[0]!r}]["TEST"] = {{"NAME": a file}}'
            )
        port = free_port()
        command = [sys.executable, "-m", "notifications.testing.server_main", str(port), json.dumps(names)]
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE") or settings.SETTINGS_MODULE,
            "PYTHONPATH": os.pathsep.join(entry or os.getcwd() for entry in sys.path),  # noqa: PTH109  as sys.path has it
        }
        return LocalServer(command, port, Path(self._folder.name) / "server.log", env=environment)
