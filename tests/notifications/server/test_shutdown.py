"""SIGTERM while a request is being answered."""

import os
import socket
import sys

from notifications.testing import LocalServer, free_port
from tests.support.services import ROOT

SERVE = """
import asyncio, pathlib, sys
import django
django.setup()
from notifications.server.daphne import StreamServer, endpoint

async def slow(scope, receive, send):
    print("begun", flush=True)
    while not pathlib.Path(sys.argv[2]).exists():
        await asyncio.sleep(0.02)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"whole"})

StreamServer(application=slow, endpoints=[endpoint("127.0.0.1", int(sys.argv[1]))], server_name="").run()
"""


def connect(server: LocalServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=20)


def is_refused(server: LocalServer) -> bool:
    try:
        connect(server).close()
    except ConnectionRefusedError:
        return True
    return False


def test_no_connection_is_accepted_any_more_and_what_has_begun_is_answered(tmp_path):
    port = free_port()
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
    refused = tmp_path / "refused"
    command = [sys.executable, "-c", SERVE, str(port), str(refused)]
    with LocalServer(command, port, tmp_path / "log", cwd=ROOT, env=environment) as server:
        with connect(server) as waiting:
            waiting.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            server.wait_until(lambda: "begun" in server.log(), 20)
            os.kill(server.pid, 15)
            server.wait_until(lambda: is_refused(server), 20)
            refused.touch()
            received = b""
            while b"whole" not in received and (piece := waiting.recv(65536)):
                received += piece
        assert received.startswith(b"HTTP/1.1 200")
        assert b"whole" in received
        assert server.process.wait(20) == 0
        assert "Traceback" not in server.log()
