"""What tests ask: what was notified to whom, and what does a person's stream say? See pytest_plugin.py."""

import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.urls import reverse

from notifications import choices, inbox, log, preferences, sessions, subscriptions
from notifications.channelmanager import LogChannelManager
from notifications.client import SseClient
from notifications.control import CONTROL
from notifications.models import Event

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser

# A server that takes longer has failed; most take a second or two.
STARTS_WITHIN = 60.0
# What the app tells a person's own pages: nobody is notified by it.
OWN = (inbox.READ.name, preferences.CHANGED.name)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Notification:
    """One event, as its readers get it, in the active language. recipients: the user names of those who do."""

    channel: str
    kind: str
    data: Any
    title: str
    body: str
    url: str
    recipients: frozenset[str]


class Notified:
    """Everything notified since it was made, or since the last clear()."""

    def __init__(self) -> None:
        """Begins after what is in the log already."""
        self._depths = {connection.alias: depth(connection) for connection in connections.all()}
        self.clear()

    def __call__(self) -> list[Notification]:
        """Runs the commit callbacks that wait, and returns what was notified, in order."""
        for connection in connections.all():
            self._commit(connection)
        log.sequence()
        events = Event.objects.filter(pk__gt=self._after).exclude(kind__in=OWN).exclude(channel__startswith=CONTROL)
        return [notification(event) for event in events.order_by("position")]

    def clear(self) -> None:
        """Forgets what was notified so far."""
        self._after = Event.objects.order_by("-pk").values_list("pk", flat=True).first() or 0

    def _commit(self, connection: BaseDatabaseWrapper) -> None:
        """Does what the commit of the test's own transaction would; in a test without one there is nothing to do."""
        if depth(connection) > self._depths.get(connection.alias, 0):
            raise AssertionError("notified() is called within a transaction: nothing is notified before its commit")
        if not connection.in_atomic_block:
            return
        while connection.run_on_commit:
            # The stubs do not know the third part.
            entry: Any = connection.run_on_commit.pop(0)
            _savepoints, callback, robust = entry
            try:
                callback()
            except Exception:
                if not robust:
                    raise
                logger.exception("a commit callback failed")


def depth(connection: BaseDatabaseWrapper) -> int:
    """How many transactions and savepoints are open."""
    return len(connection.savepoint_ids) + connection.in_atomic_block


def notification(event: Event) -> Notification:
    """The event as its readers get it."""
    people = get_user_model()._default_manager.filter(is_active=True)  # noqa: SLF001  Django documents it
    names = frozenset(person.get_username() for person in people if hears(person, event))
    return Notification(event.channel, event.kind, event.data, event.title, event.body, event.url, names)


def hears(person: "AbstractBaseUser", event: Event) -> bool:
    """Whether it reaches a person: by a subscription, or because a rule lets the person read the channel."""
    channels = subscriptions.channels_of(person)
    if event.channel in channels:
        return subscriptions.is_heard(event, channels) and event.kind not in choices.of(person).silenced
    muted = event.channel in subscriptions.own_channels(person)
    return not muted and LogChannelManager().can_read_channel(person, event.channel)


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
        cookies = {} if user is None else {settings.SESSION_COOKIE_NAME: sessions.begin(user)}
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
        command = [sys.executable, "-m", "notifications.testserver", str(port), json.dumps(names)]
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
