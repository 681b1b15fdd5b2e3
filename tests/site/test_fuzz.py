"""Twenty thousand malformed requests at the stream, the callback, the inbox and the API, while streams are open."""

import os
import random
import socket
import threading
import time
from collections import Counter
from contextlib import ExitStack

import pytest

from tests.site.fuzzer import Fuzzer
from tests.support.services import ServeProcess, Site
from tests.support.sse import SseClient, login

REQUESTS = 20_000
STREAMS_EACH = 10
PEOPLE = ("seller", "buyer", "author", "follower", "admin")
THREADS = 4
# Longest that a server under this load may take for an answer.
PATIENCE = 30.0
SEED = int(os.environ.get("FUZZ_SEED") or random.randrange(10**6))


class Attack(threading.Thread):
    """Sends its share, each request on the connection of the one before it as long as the server keeps that open."""

    def __init__(self, server: ServeProcess, fuzzer: Fuzzer, requests: int) -> None:
        super().__init__(daemon=True)
        self.port, self.fuzzer, self.requests = server.port, fuzzer, requests
        self.statuses: Counter[int] = Counter()
        self.failures: list[str] = []
        self.connection: socket.socket | None = None

    def run(self) -> None:
        for _ in range(self.requests):
            if self.failures:
                break
            maker = self.fuzzer.chance.choice(self.fuzzer.makers)
            request = maker()
            try:
                # Half a request has no answer, and what is not HTTP may have none.
                status = self.ask(request, PATIENCE if maker not in (self.fuzzer.halved, self.fuzzer.broken) else 0.05)
            except BaseException as error:
                self.failures.append(f"{type(error).__name__} {error}: {request[:600]!r}")
                break
            self.statuses[status] += 1
            if status >= 500:
                self.failures.append(f"{status}: {request[:600]!r}")
        self.close()

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def ask(self, request: bytes, patience: float) -> int:
        """Returns the status; 0 where the server hangs up, or where no answer is due."""
        for attempt in range(2):
            fresh = self.connection is None
            if self.connection is None:
                self.connection = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
            self.connection.settimeout(patience)
            try:
                self.connection.sendall(request)
                status = self.answer(is_head=request.startswith(b"HEAD "))
            except TimeoutError:
                self.close()
                if patience == PATIENCE:
                    raise
                return 0
            except ConnectionError:
                status = 0
            if patience < PATIENCE or not status:
                self.close()
            if status or fresh or attempt:
                return status
        raise AssertionError

    def answer(self, *, is_head: bool) -> int:
        """Reads one answer; keeps the connection where that is whole."""
        assert self.connection is not None
        data = b""
        while b"\r\n\r\n" not in data:
            piece = self.connection.recv(65536)
            if not piece:
                return int(data.split(b" ", 2)[1]) if data.startswith(b"HTTP/") else 0
            data += piece
        head, _, rest = data.partition(b"\r\n\r\n")
        status, lower = int(head.split(b" ", 2)[1]), head.lower()
        if status == 100 or b"text/event-stream" in lower or b"connection: close" in lower or is_head:
            self.close()
        elif b"content-length: " in lower:
            missing = int(lower.split(b"content-length: ")[1].split(b"\r\n")[0]) - len(rest)
            while missing > 0 and (piece := self.connection.recv(65536)):
                missing -= len(piece)
        elif b"transfer-encoding: chunked" in lower:
            while not rest.endswith(b"0\r\n\r\n") and (piece := self.connection.recv(65536)):
                rest += piece
        elif status not in (204, 304):
            self.close()
        return status


class SlowHeaders(threading.Thread):
    """Clients that send a few bytes of their headers a second, and never come to an end."""

    def __init__(self, server: ServeProcess) -> None:
        super().__init__(daemon=True)
        self.connections = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(50)]
        self.ended = threading.Event()

    def run(self) -> None:
        text = b"GET /events/ HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X-Padding: y\r\n" * 1000
        for at in range(0, len(text), 3):
            for connection in self.connections:
                connection.sendall(text[at : at + 3])
            if self.ended.wait(0.5):
                break
        for connection in self.connections:
            connection.close()


TELL = """
from django.contrib.auth.models import User
from notifications import log
for user in User.objects.all(): log.append(f"user:{user.pk}", "afterwards")
"""


@pytest.mark.timeout(400)
def test_malformed_requests_cause_no_error_no_hang_and_no_leak_and_streams_go_on(demo_site: Site):
    server = demo_site.serve()
    clients = [login(server.url, name) for name in PEOPLE]
    cookies = [dict(client.cookies) for client in clients]
    for client in clients:
        client.close()
    with ExitStack() as stack:
        streams = [
            stack.enter_context(SseClient(f"{server.url}/events/", cookies=each))
            for each in cookies
            for _ in range(STREAMS_EACH)
        ]
        assert {stream.status for stream in streams} == {200}
        before = server.threads(), server.sockets()
        slow = SlowHeaders(server)
        slow.start()
        attacks = [Attack(server, Fuzzer(f"{SEED} {n}", cookies), REQUESTS // THREADS) for n in range(THREADS)]
        for attack in attacks:
            attack.start()
        for attack in attacks:
            attack.join(300)
        slow.ended.set()
        slow.join()
        statuses = sum((attack.statuses for attack in attacks), Counter())
        failures = [failure for attack in attacks for failure in attack.failures]
        print(f"seed {SEED}: {dict(sorted(statuses.items()))}")  # noqa: T201
        assert not failures, f"FUZZ_SEED={SEED}: {failures}"
        assert statuses.total() == REQUESTS, "hung"

        deadline = time.monotonic() + 20
        while (after := (server.threads(), server.sockets())) and time.monotonic() < deadline:
            if after[0] <= before[0] + 8 and after[1] <= before[1] + 2:
                break
            time.sleep(0.5)
        assert after[0] <= before[0] + 8, f"threads: {before[0]} before, {after[0]} after; FUZZ_SEED={SEED}"
        assert after[1] <= before[1] + 2, f"connections: {before[1]} before, {after[1]} after; FUZZ_SEED={SEED}"
        demo_site.manage("shell", "--command", TELL)
        for stream in streams:
            stream.wait_for(lambda event: event.event == "afterwards", timeout=30)
    assert server.terminate() == 0
