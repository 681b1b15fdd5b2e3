"""The traps of docs/design.md: that each is answered there, and those that no other test meets on its way."""

import re
import socket
import struct
import time
from urllib.parse import urlsplit

from notifications.server import internals
from notifications.server.daphne import StreamServer, endpoint
from tests.support.services import ROOT, Site
from tests.support.sse import SseClient, login

TRAPS = 28
ROW = re.compile(r"^\| (\d+) [^|]+\| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows() -> dict[int, tuple[str, str]]:
    """What the table says: the answer to each trap, and what shows it."""
    section = (ROOT / "docs" / "design.md").read_text().split("\n## Traps\n")[1].split("\n## ")[0]
    return {int(number): (answer, shown) for number, answer, shown in ROW.findall(section)}


def test_every_trap_has_its_answer_and_a_test_that_is_there():
    found = rows()
    assert sorted(found) == list(range(1, TRAPS + 1))
    for number, (answer, shown) in found.items():
        tests = TEST.findall(shown)
        assert tests, f"trap {number}: {answer}"
        for path, name in tests:
            assert f"def {name}(" in (ROOT / path).read_text(), f"trap {number}: {path} has no {name}"


def test_the_age_of_an_answer_is_not_limited():
    """Trap 5: Daphne's time limit counts from the request on, and a stream is an answer that takes for ever."""
    assert StreamServer(application=None, endpoints=[endpoint("127.0.0.1", 0)]).http_timeout is None


def test_this_twisted_takes_writes_past_its_buffers():
    """Trap 11: otherwise each delivery costs several times as much."""
    assert internals.find_missing().direct_writes == []


def test_a_client_that_sent_too_much_ahead_and_left_is_noticed_by_the_next_write(demo_site: Site):
    """Trap 10: Daphne reads no more of a client that pipelines, and so does not see it leave."""
    server = demo_site.serve()
    browser = login(server.url, "seller")
    cookie = f"sessionid={browser.cookies['sessionid']}"
    browser.close()
    demo_site.manage("place_order")
    # The first stream has the server open sockets that it keeps, to be woken through.
    with SseClient(f"{server.url}/events/", cookies={"sessionid": cookie.partition("=")[2]}) as first:
        assert first.status == 200
        settled = before = server.sockets() - 1
    connection = socket.create_connection(("127.0.0.1", urlsplit(server.url).port or 0), timeout=20)
    connection.sendall(f"GET /events/ HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n\r\n".encode())
    assert b"retry:" in connection.recv(65536) + connection.recv(65536)
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 2000)
    # A reset, so that the next write fails at once.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    deadline = time.monotonic() + 40
    while (settled := server.sockets()) > before and time.monotonic() < deadline:
        demo_site.manage("place_order")
    assert settled <= before
