"""SIGTERM on servers other than `serve`, with open streams (trap 28)."""

import signal
import time
from dataclasses import dataclass

import pytest

from tests.site.serve.streams import stream
from tests.support.processes import free_port
from tests.support.services import ServeProcess, Site
from tests.support.sse import login

APPLICATION = "config.asgi:application"
# Seconds in which a server must have ended.
ENDS_WITHIN = 5.0


@dataclass(frozen=True)
class Kind:
    """How a server is started, and how it ends."""

    arguments: tuple[str, ...]
    code: int = 0

    def start(self, site: Site) -> ServeProcess:
        port = free_port()
        return site.start("-m", *(argument.format(port=port) for argument in self.arguments), port=port)


KINDS = {
    # uvicorn ends in good order, and then by the signal that it was sent.
    "uvicorn": Kind(("uvicorn", APPLICATION, "--port", "{port}"), code=-signal.SIGTERM),
    "uvicorn with httptools": Kind(
        ("uvicorn", APPLICATION, "--port", "{port}", "--http", "httptools"), code=-signal.SIGTERM
    ),
    "gunicorn": Kind(("gunicorn", APPLICATION, "-k", "uvicorn.workers.UvicornWorker", "--bind", "127.0.0.1:{port}")),
    "granian": Kind(("granian", "--interface", "asgi", "--port", "{port}", APPLICATION)),
    "hypercorn": Kind(("hypercorn", "--workers", "0", "--bind", "127.0.0.1:{port}", APPLICATION)),
}


@pytest.mark.parametrize("name", KINDS)
def test_sigterm_asks_the_streams_to_come_back_and_the_server_ends(demo_site: Site, name):
    kind = KINDS[name]
    server = kind.start(demo_site)
    cookies = login(server.url, "seller").cookies
    clients = [stream(server, cookies) for _ in range(20)]
    demo_site.manage("place_order")
    for client in clients:
        client.wait_for(lambda event: event.event == "order.placed")
    began = time.monotonic()
    assert server.terminate() == kind.code
    assert time.monotonic() - began < ENDS_WITHIN
    for client in clients:
        client.wait_closed()
        assert client.error is None
        assert [event.event for event in client.events] == ["order.placed", "bye"]
        assert client.retry is not None
    assert "20 streams are asked to come back" in server.log()
    assert "Traceback" not in server.log()
