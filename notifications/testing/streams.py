"""Streams of the project under test."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.conf import settings
from django.db import connections
from django.urls import reverse

from notifications.testing.login import start_session
from notifications.testing.sse_client import SseClient

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser


# A server that takes longer has failed; most take a second or two.
STARTS_WITHIN = 60.0


class Streams:
    """Streams of the project under test, from a server process that is started with the first."""

    def __init__(self) -> None:
        """Nothing runs yet."""
        self.clients: list[SseClient] = []
        self.output = tempfile.TemporaryFile()  # noqa: SIM115  open as long as the server
        self._server: subprocess.Popen[bytes] | None = None
        self._url = ""

    @property
    def url(self) -> str:
        """The server's address, without a slash at its end."""
        if self._server is None:
            self._start()
        return self._url

    def __call__(
        self,
        user: "AbstractBaseUser | None",
        path: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        **query: str,
    ) -> SseClient:
        """Opens a stream as this person (None: a stranger), and returns once the server has answered.

        path: default: all that the person hears. headers: such as Last-Event-ID. query: parameters of the address.
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
            self._server.wait()
        self.output.close()

    def _start(self) -> None:
        names = {connection.alias: str(connection.settings_dict["NAME"]) for connection in connections.all()}
        if memory := [alias for alias, name in names.items() if ":memory:" in name or "mode=memory" in name]:
            raise AssertionError(
                f"the test database {memory[0]!r} is in memory, where no server process can see it:"
                f' set DATABASES[{memory[0]!r}]["TEST"] = {{"NAME": a file}}'
            )
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE") or settings.SETTINGS_MODULE,
            "PYTHONPATH": os.pathsep.join(entry or os.getcwd() for entry in sys.path),  # noqa: PTH109  as sys.path has it
        }
        command = [sys.executable, "-m", "notifications.testing.server_main", str(port), json.dumps(names)]
        self._server = subprocess.Popen(  # noqa: S603  this interpreter, a module of ours
            command, env=environment, stdin=subprocess.DEVNULL, stdout=self.output, stderr=subprocess.STDOUT
        )
        self._url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + STARTS_WITHIN
        while not is_open(port):
            if self._server.poll() is not None or time.monotonic() > deadline:
                self.output.seek(0)
                raise AssertionError(f"the project's server does not start:\n{self.output.read().decode()}")
            time.sleep(0.05)


def is_open(port: int) -> bool:
    """Whether anybody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
