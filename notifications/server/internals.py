"""What this package uses of Daphne and Twisted beyond their documented interfaces: the one list of it.

Daphne documents its command line alone, and Twisted does not document its buffers. So each name is looked up when `serve`
starts: on the classes, and on a request that passes through Daphne in memory. Without a name that serving needs, `serve`
refuses to start; without any other it goes on, and a warning says what is lost.
"""

import inspect
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from daphne.http_protocol import HTTPFactory
from daphne.server import Server
from twisted.internet import reactor, tcp
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel

# Serving: what StreamServer gives to Daphne's server, overrides or calls, and reads while it runs.
ARGUMENTS = ("application", "endpoints", "ready_callable", "server_name")
METHODS = (
    "application_checker",
    "create_application",
    "handle_reply",
    "kill_all_applications",
    "listen_success",
    "run",
)
RUNNING = ("abort_start", "application", "connections", "http_factory")
# The entry of a connection in Server.connections from which Daphne's application_checker takes a finished request.
TASK = "application_instance"
# Flow control: without it a client that does not read would fill the memory.
CONTROLLED = ("channel", "producer", "registerProducer", "unregisterProducer")

# Direct writes: otherwise a delivery takes Daphne's own way, which is several times slower.
WRITTEN_REQUEST = ("chunked", "finished", "startedWriting")
WRITTEN_TRANSPORT = ("TLS", "_tempDataBuffer", "connected", "dataBuffer", "disconnecting", "offset", "socket")

# Long lines: otherwise Twisted hangs up on a header line longer than 16 KB, without an answer.
LONG_LINES = ("MAX_LENGTH",)

# Headers that a stream lets go of once they are sent: otherwise each stream keeps 1.5 KB more.
HEADERS = ("clean_headers", "requestHeaders", "responseHeaders")

# Streams that are opened from the connection itself: otherwise Twisted and Daphne make a request of each, as of any other.
BETWEEN_REQUESTS = ("_buffer", "persistent", "requests", "setTimeout")
HANDED_OVER = ("protocol",)


class IncompatibleVersions(Exception):
    """The installed Daphne or Twisted lacks a name that serving needs; the message is one line with what is missing."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Names that the installed Daphne and Twisted do not have, by what each is needed for."""

    serving: list[str]
    direct_writes: list[str]
    long_lines: list[str]
    headers: list[str]
    streams: list[str] = field(default_factory=list)

    def consequences(self) -> list[str]:
        """Returns a line for each thing that is lost though the server works."""
        losses = [
            (self.direct_writes, "events are written Daphne's own, slower way"),
            (self.long_lines, "a request with a header line longer than 16 KB gets no answer"),
            (self.headers, "each open stream keeps its request's headers, about 1.5 KB"),
            (self.streams, "each stream is opened the ordinary, slower way, and takes more memory"),
        ]
        return [f"{installed()} have no {', '.join(names)}: {loss}" for names, loss in losses if names]


def find_missing() -> Missing:
    """Looks up everything that can be looked up before the server runs."""
    parameters = inspect.signature(Server).parameters
    serving = [f"Server({name}=)" for name in ARGUMENTS if name not in parameters]
    serving += lacking(Server, METHODS, "Server")
    checker = getattr(Server, "application_checker", None)
    if checker is not None and TASK not in checker.__code__.co_consts:
        serving.append(f"Server.connections[…][{TASK!r}]")
    long_lines = lacking(HTTPChannel, LONG_LINES, "HTTPChannel") + lacking(HTTPFactory, ("protocol",), "HTTPFactory")
    if serving:
        return Missing(serving, [], long_lines, [])
    try:
        with request_in_memory() as (request, transport):
            writes = lacking(request, WRITTEN_REQUEST, "Request") + lacking(transport, WRITTEN_TRANSPORT, "Connection")
            if not writes and not (transport._tempDataBuffer or transport.dataBuffer):  # noqa: SLF001
                writes.append("buffer in which written data waits")
            return Missing(
                serving=lacking(request, CONTROLLED, "Request"),
                direct_writes=writes,
                long_lines=long_lines,
                headers=lacking(request, HEADERS, "Request"),
                streams=lacking(request.channel, BETWEEN_REQUESTS, "HTTPChannel")
                + lacking(transport, HANDED_OVER, "Connection"),
            )
    except Exception as error:  # noqa: BLE001  any error means that the request was not served as it is today
        return Missing([f"way for a request to the application ({error!r})"], [], long_lines, [])


def raise_if_missing(missing: list[str]) -> None:
    """Raises IncompatibleVersions if anything is missing."""
    if missing:
        raise IncompatibleVersions(
            f"{installed()} have no {', '.join(missing)}, and serve needs it: install the versions of requirements.txt"
        )


def lacking(owner: Any, names: tuple[str, ...], label: str) -> list[str]:
    """Returns those of the names that are not attributes of the owner, with the label before each."""
    return [f"{label}.{name}" for name in names if not hasattr(owner, name)]


def installed() -> str:
    return f"Daphne {version('daphne')} and Twisted {version('twisted')}"


class Probe(Server):  # type: ignore[misc]
    """Daphne's server, not running: it keeps the request instead of starting the application for it."""

    def __init__(self) -> None:
        super().__init__(application=None, endpoints=["none"])
        self.connections: dict[Any, dict[str, Any]] = {}
        self.request: Any = None

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> None:
        self.request = protocol


class ProbeTransport(tcp.Connection):
    """Twisted's TCP transport on a socket that is not connected, and so has no addresses."""

    def getHost(self) -> IPv4Address:  # noqa: N802  Twisted's name
        return IPv4Address("TCP", "127.0.0.1", 0)

    getPeer = getHost  # noqa: N815  Twisted's name


@contextmanager
def request_in_memory() -> Iterator[tuple[Any, Any]]:
    """Passes a request through Daphne; yields it and its transport, to which something has been written."""
    server = Probe()
    protocol = HTTPFactory(server).buildProtocol(None)
    transport: Any = ProbeTransport(socket.socket(), protocol, reactor)
    transport.connected = 1
    protocol.makeConnection(transport)
    try:
        protocol.dataReceived(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        if server.request is None:
            raise RuntimeError("Server.create_application is not called")
        transport.write(b"HTTP/1.1")
        yield server.request, transport
    finally:
        transport.connectionLost(Failure(ConnectionDone()))  # type: ignore[no-untyped-call]
