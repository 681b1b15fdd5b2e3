"""Malformed requests are refused before a stream begins."""

import socket
from contextlib import ExitStack

from tests.site.serve.streams import stream
from tests.support.services import ServeProcess, Site
from tests.support.sse import login

BAD_REQUESTS = [
    ("GET", "/events/", {"Last-Event-ID": "a:abc"}, 400),
    ("GET", "/events/", {"Last-Event-ID": "error"}, 400),
    ("GET", "/events/", {"Last-Event-ID": "-1"}, 400),
    ("GET", "/events/", {"Last-Event-ID": "k3v9x0ab-"}, 400),
    ("GET", "/events/", {"Last-Event-ID": "K3V9X0AB-1"}, 400),
    ("GET", "/events/?lastEventId=k3v9x0ab-1-1", {}, 400),
    ("GET", "/events/", {"Last-Event-ID": "9" * 30}, 400),
    ("GET", "/events/", {"Last-Event-ID": "１"}, 400),
    ("GET", "/events/?lastEventId=1.5", {}, 400),
    ("GET", "/events/?lastEventId=%00", {}, 400),
    ("GET", "/events/?lastEventId=%FF%FE", {}, 400),
    ("GET", "/events/?es-meta=x", {}, 400),
    ("GET", "/events/?recover=true", {}, 400),
    ("GET", "/events/?link=next", {}, 400),
    ("GET", "/events/?mode=sideways", {}, 400),
    ("GET", "/events/?format=xml", {}, 400),
    ("GET", "/events/", {"Host": "evil.example"}, 400),
    ("GET", "/events/", {"X-Padding": "x" * 20_000}, 400),
    ("POST", "/events/", {}, 405),
    ("HEAD", "/events/", {}, 405),
    ("DELETE", "/events/", {}, 405),
    ("GET", "/orders/99999999/events/", {}, 404),
    ("GET", f"/orders/{10**30}/events/", {}, 404),
    ("GET", "/orders/abc/events/", {}, 404),
    ("GET", "/orders/-1/events/", {}, 404),
    ("POST", "/orders/1/events/", {}, 405),
    ("GET", "/orders/1/events/", {"Last-Event-ID": "x"}, 400),
    ("GET", "/events", {}, 301),
]


def raw_request(server: ServeProcess, method: str, path: str, headers: dict[str, str]) -> int:
    """Sends exactly these bytes and returns the status; 0 if the server hangs up without an answer."""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        try:
            connection.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
            answer = connection.recv(65536)
        except ConnectionError:
            return 0
        return int(answer.split(b" ", 2)[1]) if answer else 0


def test_malformed_requests_are_refused_before_a_stream_begins_and_harm_nobody(demo_site: Site):
    """Trap 3: with eventstream's own view the first of these stops Daphne from ever reaping a request again."""
    server = demo_site.serve()
    cookies = login(server.url, "seller").cookies
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    with ExitStack() as stack:
        clients = [stack.enter_context(stream(server, cookies)) for _ in range(20)]
        for method, path, headers, status in BAD_REQUESTS:
            sent = {"Host": f"127.0.0.1:{server.port}", "Cookie": cookie, **headers}
            assert raw_request(server, method, path, sent) == status, (method, path, headers)
        demo_site.manage("place_order")
        for client in clients:
            client.wait_for(lambda event: event.event == "order.placed")
    assert "Traceback" not in server.log()
    assert server.terminate() == 0
