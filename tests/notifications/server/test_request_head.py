"""Requests that `serve` reads by itself: in the same scope as Daphne's, or left to Daphne."""

import socket

import pytest
from daphne.http_protocol import HTTPFactory
from daphne.server import Server
from twisted.internet import reactor
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from notifications.server import request_head
from notifications.server.internals import ProbeTransport

PLAIN = [
    "GET /events/ HTTP/1.1|Host: localhost",
    'GET /events/?lastEventId=k3v9x0ab-7&user=1 HTTP/1.1|Host: localhost|Cookie: a=1; b="2"',
    "GET /events/? HTTP/1.1|Host: localhost",
    "GET /events/?a?b HTTP/1.1|Host: localhost",
    "GET /ev%65nts/%C3%A9 HTTP/1.1|Host: localhost",
    "GET /ev%FFents/ HTTP/1.1|Host: localhost",
    "GET //events/ HTTP/1.1|Host: localhost",
    "GET /events/#here HTTP/1.1|Host: localhost",
    "GET /events/ HTTP/1.1",
    "GET /events/ HTTP/1.1|Host: localhost|Connection: Keep-Alive|Accept: text/event-stream",
    "GET /events/ HTTP/1.1|HOST:localhost|x-Empty:|X-Blank:   |X-Padded:   a b   ",
    "GET /events/ HTTP/1.1|Host: localhost|Origin: https://other.example|Last-Event-ID: é",
    "GET /events/ HTTP/1.1|Host: localhost|X-Colons: a:b: c",
]

LEFT_TO_DAPHNE = [
    "POST /events/ HTTP/1.1|Host: localhost",
    "HEAD /events/ HTTP/1.1|Host: localhost",
    "get /events/ HTTP/1.1|Host: localhost",
    "GET /events/ HTTP/1.0|Host: localhost",
    "GET http://localhost/events/ HTTP/1.1|Host: localhost",
    "GET * HTTP/1.1|Host: localhost",
    "GET  /events/ HTTP/1.1|Host: localhost",
    "GET /events/é HTTP/1.1|Host: localhost",
    "GET /events/ HTTP/1.1|Host: localhost|Content-Length: 3",
    "GET /events/ HTTP/1.1|Host: localhost|Content-Length: 0",
    "GET /events/ HTTP/1.1|Host: localhost|Transfer-Encoding: chunked",
    "GET /events/ HTTP/1.1|Host: localhost|transfer-encoding : chunked",
    "GET /events/ HTTP/1.1|Host: localhost|Upgrade: websocket|Connection: Upgrade",
    "GET /events/ HTTP/1.1|Host: localhost|Expect: 100-continue",
    "GET /events/ HTTP/1.1|Host: localhost|Connection: close",
    "GET /events/ HTTP/1.1|Host: localhost|Connection: keep-alive, Upgrade",
    "GET /events/ HTTP/1.1|Host: localhost|Host: elsewhere",
    "GET /events/ HTTP/1.1|Host: localhost|Cookie: a=1|Cookie: b=2",
    "GET /events/ HTTP/1.1|Host: localhost|Daphne-Root-Path: /shop",
    "GET /events/ HTTP/1.1|Host: localhost|X_Forwarded_For: 1",
    "GET /events/ HTTP/1.1|Host: localhost| folded: line",
    "GET /events/ HTTP/1.1|Host: localhost|No colon",
    "GET /events/ HTTP/1.1|Host: localhost|: no name",
    "GET /events/ HTTP/1.1|Host: localhost|X-Null: a\0b",
    "GET /events/ HTTP/1.1|Host: localhost|X-Break: a\nb",
    "GET /events/ HTTP/1.1|Host: localhost|X-Return: a\rb",
    "GET /events/ HTTP/1.1|Host: localhost|X-Tab: a\tb",
    "GET /events/ HTTP/1.1|Host: localhost||GET /events/ HTTP/1.1",
    f"GET /events/ HTTP/1.1|Host: localhost|X-Long: {'x' * 16_384}",
    "|".join(["GET /events/ HTTP/1.1", *(f"X-{number}: 1" for number in range(101))]),
]


def sent(text: str) -> bytes:
    return (text.replace("|", "\r\n") + "\r\n\r\n").encode("latin-1" if "\x85" in text else "utf-8")


class Asked(Server):
    """Daphne's server, not running: it keeps the scope instead of starting the application."""

    def __init__(self):
        super().__init__(application=None, endpoints=["none"])
        self.connections = {}
        self.scope = None

    def create_application(self, protocol, scope):
        self.scope = scope


def scope_of_daphne(data: bytes) -> dict | None:
    server = Asked()
    with socket.socket() as unused:
        protocol = HTTPFactory(server).buildProtocol(None)
        transport = ProbeTransport(unused, protocol, reactor)
        transport.connected = 1
        protocol.makeConnection(transport)
        protocol.dataReceived(data)
        transport.connectionLost(Failure(ConnectionDone()))
    return server.scope


@pytest.mark.parametrize("text", PLAIN)
def test_a_plain_request_has_the_scope_that_daphne_makes_of_it(text):
    expected = scope_of_daphne(sent(text))
    head = request_head.read_plain(sent(text))
    assert expected is not None
    assert head is not None
    made = head.scope(client=["127.0.0.1", 0], server=["127.0.0.1", 0])
    assert made.pop("asgi") == {"version": "3.0"}
    assert made == expected


@pytest.mark.parametrize("text", LEFT_TO_DAPHNE, ids=lambda text: text[:70])
def test_any_other_request_is_left_to_daphne(text):
    assert request_head.read_plain(sent(text)) is None


def test_a_head_that_is_not_all_there_is_left_to_daphne():
    whole = sent(PLAIN[0])
    assert request_head.read_plain(whole) is not None
    for length in range(len(whole)):
        assert request_head.read_plain(whole[:length]) is None
    assert request_head.read_plain(whole + b"GET") is None


def test_bytes_that_daphne_refuses_in_a_header_are_left_to_it():
    for byte in (0x0B, 0x0C, 0x1C, 0x1D, 0x1E, 0x85, 0x7F):
        assert request_head.read_plain(b"GET / HTTP/1.1\r\nX-Odd: a%cb\r\n\r\n" % byte) is None
