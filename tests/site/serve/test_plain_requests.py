"""Requests for streams that `serve` takes from the connection itself, beside the same ones that pass through Daphne."""

import re
import socket

import pytest

from tests.support.services import ServeProcess
from tests.support.sse import login

# A header twice is left to Daphne; this one changes nothing else.
THROUGH_DAPHNE = "X-Twice: 1\r\nX-Twice: 2\r\n"
CASES = {
    "a stream that ends": ("/events/?mode=reconnect", "", True),
    "a stream of another origin": ("/events/?mode=reconnect", "Origin: https://other.example\r\n", True),
    "a stream of its own origin": ("/events/?mode=reconnect", "Origin: http://{host}\r\n", True),
    "a stranger": ("/events/", "", False),
    "another host": ("/events/", "Host: evil.example\r\n", True),
    "a cursor that is none": ("/events/", "Last-Event-ID: a:abc\r\n", True),
    "a cursor past the end": ("/events/?mode=reconnect", "Last-Event-ID: 999999\r\n", True),
    "an unknown order": ("/orders/99999999/events/", "", True),
    "a parameter that is not taken": ("/events/?es-meta=x", "", True),
}


@pytest.fixture
def server(demo_site) -> ServeProcess:
    return demo_site.serve()


@pytest.fixture
def cookie(server) -> str:
    return "; ".join(f"{name}={value}" for name, value in login(server.url, "seller").cookies.items())


class Browser:
    """A connection on which requests are sent as they are, and whole responses read."""

    def __init__(self, server: ServeProcess):
        self.host = f"127.0.0.1:{server.port}"
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        self.rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.socket.close()

    def send(self, path: str, headers: str) -> None:
        host = "" if "Host:" in headers else f"Host: {self.host}\r\n"
        head = f"GET {path} HTTP/1.1\r\n{host}{headers.format(host=self.host)}\r\n"
        self.socket.sendall(head.encode())

    def more(self) -> None:
        data = self.socket.recv(65536)
        assert data, "the server has hung up"
        self.rest += data

    def read(self) -> tuple[int, dict[str, str], bytes]:
        """Returns the status, the headers by their names in lower case, and the body with its chunks."""
        while b"\r\n\r\n" not in self.rest:
            self.more()
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        if headers.get("transfer-encoding") == "chunked":
            while not self.rest.startswith(b"0\r\n\r\n") and b"\r\n0\r\n\r\n" not in self.rest:
                self.more()
            size = (
                self.rest.index(b"0\r\n\r\n") + 5
                if self.rest.startswith(b"0\r\n")
                else self.rest.index(b"\r\n0\r\n\r\n") + 7
            )
        else:
            size = int(headers.get("content-length", 0))
            while len(self.rest) < size:
                self.more()
        body, self.rest = self.rest[:size], self.rest[size:]
        return int(status.split()[1]), headers, body


def without_chance(answer: tuple[int, dict[str, str], bytes]) -> tuple[int, dict[str, str], bytes]:
    """The answer with one size of chunk and one reconnection time in place of those that differ by chance."""
    status, headers, body = answer
    joined = re.sub(rb"(?:^|\r\n)[0-9a-f]+\r\n", b"", body)
    return status, headers, re.sub(rb"retry: \d+", b"retry: 0", joined)


def test_a_request_is_answered_as_through_daphne(server, cookie):
    for case, (path, case_headers, has_cookie) in CASES.items():
        headers = case_headers + (f"Cookie: {cookie}\r\n" if has_cookie else "")
        answers = []
        for extra in ("", THROUGH_DAPHNE):
            with Browser(server) as browser:
                browser.send(path, headers + extra)
                answers.append(without_chance(browser.read()))
        assert answers[0] == answers[1], case


def test_a_connection_serves_other_requests_before_and_after_a_stream(server, cookie):
    with Browser(server) as browser:
        for _ in range(2):
            browser.send("/healthz", "")
            assert browser.read()[0] == 200
            browser.send("/events/?mode=reconnect", f"Cookie: {cookie}\r\n")
            status, headers, body = browser.read()
            assert (status, headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
            assert body.endswith(b"\r\n0\r\n\r\n")
        browser.send("/events/", "")
        assert browser.read()[0] == 204


def test_a_request_that_comes_while_a_stream_is_open_is_answered_after_it(server, cookie):
    with Browser(server) as browser:
        following = f"GET /healthz HTTP/1.1\r\nHost: {browser.host}\r\n\r\n".encode()
        browser.send("/events/?mode=reconnect", f"Cookie: {cookie}\r\n")
        browser.socket.sendall(following)
        assert browser.read()[2].endswith(b"\r\n0\r\n\r\n")
        assert browser.read()[0] == 200


def test_a_client_that_sends_without_end_is_not_read(server, cookie):
    """Otherwise it would fill the memory of the server."""
    with Browser(server) as browser:
        browser.send("/events/", f"Cookie: {cookie}\r\n")
        while b"retry: " not in browser.rest:
            browser.more()
        browser.socket.settimeout(2)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 64 * 1024 * 1024:
                sent += browser.socket.send(b"x" * 65536)
    assert server.process.poll() is None
