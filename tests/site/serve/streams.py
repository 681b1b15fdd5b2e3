"""Streams of a server, and how late an event is."""

from tests.support.services import ServeProcess
from tests.support.sse import SseClient


def stream(server: ServeProcess, cookies, path: str = "/events/", **headers) -> SseClient:
    client = SseClient(server.url + path, cookies=cookies, headers=headers)
    assert client.status == 200
    return client
