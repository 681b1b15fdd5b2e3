"""The site behind real nginx with deploy/nginx.conf."""

import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.site.deploying.files import DEPLOY
from tests.support.certificates import make_certificate
from tests.support.processes import Daemon, free_port, program
from tests.support.services import Site
from tests.support.sse import SseClient, login


class Front:
    """nginx with deploy/nginx.conf; changed are ports and folders alone, since the test may not have the real ones."""

    def __init__(self, folder: Path, ports: list[int]) -> None:
        path = program("nginx", package="nginx-light")
        self.port, self.plain_port = free_port(), free_port()
        (folder / "tls").mkdir()
        make_certificate(folder / "tls")
        text = (DEPLOY / "nginx.conf").read_text()
        for old, new in (
            ("/etc/nginx/", f"{folder}/"),
            ("/var/log/nginx/", f"{folder}/"),
            ("listen 80 ", f"listen 127.0.0.1:{self.plain_port} "),
            ("listen 443 ", f"listen 127.0.0.1:{self.port} "),
            ("worker_rlimit_nofile 65536;", ""),
            ("worker_processes auto;", "worker_processes 2;"),
        ):
            assert old in text
            text = text.replace(old, new)
        names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        folders = "".join(f"{name}_temp_path {folder}/{name};" for name in names)
        (folder / "nginx.conf").write_text(text.replace("http {", "http { " + folders, 1))
        upstream = (DEPLOY / "upstream.conf").read_text()
        line = "    server 127.0.0.1:8001 max_fails=0;\n"
        assert line in upstream
        lines = "".join(line.replace("8001", str(port)) for port in ports)
        (folder / "upstream.conf").write_text(upstream.replace(line, lines))
        globally = f"daemon off; pid {folder}/nginx.pid;"
        self.daemon = Daemon(
            [path, "-p", folder, "-c", folder / "nginx.conf", "-g", globally, "-e", "stderr"], folder / "nginx.log"
        )
        self.daemon.wait_until(lambda: is_open(self.port), 20)
        self.url = f"https://127.0.0.1:{self.port}"
        self.trusts = ssl.create_default_context(cafile=folder / "tls" / "fullchain.pem")

    def stream(self, cookies, **headers) -> SseClient:
        return SseClient(f"{self.url}/events/", cookies=cookies, headers=headers, context=self.trusts)

    def requests(self) -> list[str]:
        return (self.daemon.log_path.parent / "access.log").read_text().splitlines()


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def behind(demo_site: Site, tmp_path: Path) -> Iterator[Callable[[list[int]], Front]]:
    """Starts nginx before two ports of a site that believes it."""
    demo_site.environment |= {"HTTPS": "1", "BEHIND_PROXY": "1"}
    (tmp_path / "nginx").mkdir()
    started: list[Front] = []

    def start(ports: list[int]) -> Front:
        started.append(Front(tmp_path / "nginx", ports))
        return started[-1]

    yield start
    for front in started:
        front.daemon.terminate()


def hears_two(reader: SseClient) -> bool:
    """Whether the reader hears of two orders, rather than being cut off after the first."""
    try:
        reader.wait_for(lambda _event: len([e for e in reader.events if e.event == "order.placed"]) == 2)
    except AssertionError:
        assert reader.closed
        return False
    return True


def test_readers_behind_nginx_hear_at_once_and_resume_on_the_process_that_is_left(demo_site: Site, behind):
    first, second = demo_site.serve(), demo_site.serve()
    front = behind([first.port, second.port])
    # A log-in with secure cookies, and no redirect: the site has heard that it is reached by HTTPS.
    seller = login(front.url, "seller", verify=front.trusts)
    readers = [front.stream(seller.cookies) for _ in range(8)]
    assert {reader.status for reader in readers} == {200}
    demo_site.manage("place_order")
    for reader in readers:
        # Buffered, nothing would come before the stream ends.
        reader.wait_for(lambda event: event.event == "order.placed")
    first.kill()
    demo_site.manage("place_order")
    cut = [reader for reader in readers if not hears_two(reader)]
    assert 0 < len(cut) < len(readers), "nginx spreads the streams"
    for reader in cut:
        again = front.stream(seller.cookies, **{"Last-Event-ID": reader.last_event_id})
        again.wait_for(lambda event: event.event == "order.placed")
    # Pages know nothing of it either.
    assert [seller.get("/").status_code for _ in range(6)] == [200] * 6
    again = demo_site.serve(first.port)
    second.terminate()
    assert front.stream(seller.cookies).status == 200


def test_with_no_process_left_streams_are_told_to_come_back(demo_site: Site, behind):
    front = behind([free_port(), free_port()])
    with front.stream({}) as reader:
        assert reader.status == 200
        assert reader.headers["content-type"] == "text/event-stream"
        assert reader.wait_for(lambda event: event.event == "bye").json() == {"retry": 5000}
        assert reader.retry == 5000
        reader.wait_closed()
    with httpx.Client(base_url=front.url, verify=front.trusts, trust_env=False) as client:
        assert client.get("/").status_code == 502


def test_nginx_speaks_http_2_leads_to_https_and_shows_no_metrics(demo_site: Site, behind):
    only = demo_site.serve()
    front = behind([only.port, free_port()])
    context = ssl.create_default_context(cafile=front.daemon.log_path.parent / "tls" / "fullchain.pem")
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", front.port)) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
    ):
        assert secured.selected_alpn_protocol() == "h2"
    with httpx.Client(verify=front.trusts, trust_env=False) as client:
        answer = client.get(f"http://127.0.0.1:{front.plain_port}/notifications/?show=unread")
        assert answer.status_code == 301
        assert answer.headers["location"] == "https://127.0.0.1/notifications/?show=unread"
        # A client cannot talk the site out of HTTPS.
        assert client.get(f"{front.url}/", headers={"X-Forwarded-Proto": "http"}).status_code == 200
        assert client.get(f"{front.url}/metrics").status_code == 403
