"""Trap 4: a client that does not read costs little, holds up nobody, and loses nothing."""

import re
import socket
import time
from pathlib import Path

from tests.support.processes import Daemon, free_port
from tests.support.services import ServeProcess, Site
from tests.support.sse import Event, SseClient, SseParser, login

MIB = 1024 * 1024
# What is sent to somebody who does not read: 20 MB in events of 16 KB, which the log takes at most.
EVENTS, SIZE = 1250, 16_000

FLOOD = f"""
from django.contrib.auth.models import User
from django.db import transaction
from notifications import log
from notifications.models import Event
channel = f"user:{{User.objects.get(username='seller').pk}}"
for _ in range({EVENTS} // 50):
    with transaction.atomic():
        log.append_all(Event(channel=channel, kind="flood", data={{"text": "x" * {SIZE}}}) for _ in range(50))
"""


def serve(site: Site, stuck_seconds: float) -> ServeProcess:
    """Serves with another patience for clients that do not read."""
    port = free_port()
    code = (
        f"from notifications.server import flow_control; flow_control.WRITE_TIMEOUT = {stuck_seconds}\n"
        f"from django.core.management import call_command; call_command('serve', port={port})"
    )
    return site.start("manage.py", "shell", "--command", code, port=port)


def memory(server: Daemon) -> int:
    """Resident bytes of the process, without what it has in common with others."""
    text = Path(f"/proc/{server.pid}/smaps_rollup").read_text()
    return (
        sum(int(size) for size in re.findall(r"^(?:Private_Clean|Private_Dirty): +(\d+) kB", text, re.MULTILINE)) * 1024
    )


def deaf(port: int, cookie: str) -> socket.socket:
    """Opens a stream and reads nothing of it."""
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(f"GET /events/ HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n\r\n".encode())
    return connection


def test_a_reader_that_never_reads_costs_little_delays_nobody_and_catches_up(demo_site: Site):
    server = serve(demo_site, stuck_seconds=100)
    cookies = login(server.url, "seller").cookies
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    with SseClient(f"{server.url}/events/", cookies=cookies) as reading:
        # A first flood fills what is filled but once: caches, arenas, the readers' own buffers.
        demo_site.manage("shell", "--command", FLOOD)
        reading.wait_for(lambda _event: len(reading.events) >= EVENTS, timeout=60)
        stuck = [deaf(server.port, cookie) for _ in range(40)]
        time.sleep(1)
        before = memory(server)
        demo_site.manage("shell", "--command", FLOOD)
        reading.wait_for(lambda _event: len(reading.events) >= 2 * EVENTS, timeout=60)
        grown = memory(server) - before
        assert grown <= len(stuck) * MIB, f"{grown / MIB:.1f} MiB for {len(stuck)} readers"
        ids = [event.position for event in reading.events if event.event == "flood"]
        assert ids == list(range(ids[0], ids[0] + 2 * EVENTS))

        # One of them wakes up: what it missed comes from the log, in order and whole.
        late = stuck[0]
        late.settimeout(20)
        parser, text = SseParser(), b""
        events: list[Event] = []
        while len(events) < EVENTS:
            piece = late.recv(65536)
            assert piece, f"closed after {len(events)} events"
            text += piece
            body, text = dechunked(text)
            events += parser.feed(body)
        assert [event.position for event in events] == ids[EVENTS:]
    for connection in stuck:
        connection.close()


def dechunked(text: bytes) -> tuple[bytes, bytes]:
    """Splits an answer into the body that is complete and the rest (RFC 9112, section 7.1)."""
    if text.startswith(b"HTTP/"):
        head, found, text = text.partition(b"\r\n\r\n")
        if not found:
            return b"", head
    body = b""
    while b"\r\n" in text:
        size, _, rest = text.partition(b"\r\n")
        length = int(size, 16)
        if len(rest) < length + 2:
            break
        body, text = body + rest[:length], rest[length + 2 :]
    return body, text


def test_a_reader_that_stays_stuck_is_let_go(demo_site: Site):
    server = serve(demo_site, stuck_seconds=1)
    cookies = login(server.url, "seller").cookies
    connection = deaf(server.port, "; ".join(f"{name}={value}" for name, value in cookies.items()))
    time.sleep(0.5)
    demo_site.manage("shell", "--command", FLOOD)
    deadline = time.monotonic() + 15
    while "is let go" not in server.log() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert "is let go" in server.log()
    assert "Traceback" not in server.log()
    connection.close()
