"""Pages by gunicorn and WSGI, streams by `serve` beside it, and nginx before both, as docs/integrating.md has it."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from notifications.testing import LocalServer
from tests.integration.kinds import KINDS, made
from tests.support.documents import blocks
from tests.support.processes import free_port, program
from tests.support.sse import SseClient, login

SILENCED = """
SILENCED_SYSTEM_CHECKS = ["notifications.W005"]
"""
NGINX = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 64; }}
http {{
    access_log off;
    {temporary}
    upstream pages {{ server 127.0.0.1:{pages}; keepalive 4; }}
    upstream streams {{ server 127.0.0.1:{streams}; keepalive 4; }}
    server {{
        listen 127.0.0.1:{port};
{block}
    }}
}}
"""


def start_nginx(folder: Path, pages: int, streams: int) -> LocalServer:
    folder.mkdir()
    (block,) = (block.code for block in blocks("integrating.md") if block.path == "nginx.conf")
    names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{name}_temp_path {folder}/{name};" for name in names)
    port = free_port()
    text = NGINX.format(folder=folder, temporary=temporary, pages=pages, streams=streams, port=port, block=block)
    (folder / "nginx.conf").write_text(text)
    command: list[str | Path] = [
        program("nginx", package="nginx-light"),
        "-p",
        folder,
        "-c",
        folder / "nginx.conf",
        "-e",
        "stderr",
    ]
    return LocalServer(command, port, folder / "nginx.log", health="/admin/login/")


@pytest.fixture
def front(packages: Path, tmp_path: Path) -> Iterator[LocalServer]:
    """nginx before gunicorn and `serve` of a site with an API of its own."""
    kind = KINDS["Django REST framework"]
    (tmp_path / "site").mkdir()
    site = made(packages, tmp_path / "site", kind)
    with (site.folder / "mysite" / "settings.py").open("a") as settings:
        settings.write(SILENCED)
    assert "no issues (1 silenced)" in site.run("manage.py", "check").stdout
    gunicorn = site.serve("-m", "gunicorn", "mysite.wsgi", "--workers", "2", "--bind", "127.0.0.1:{port}")
    streams = site.serve()
    try:
        with start_nginx(tmp_path / "nginx", gunicorn.port, streams.port) as nginx:
            yield nginx
    finally:
        site.close()


def test_events_of_gunicorn_s_pages_reach_the_streams_of_serve_and_a_log_out_ends_them(front):
    with closing(login(front.url, "alice", path="/admin/login/")) as alice:
        page = alice.get("/")
        (stream_url,) = set(re.findall(r'data-stream-url="([^"]+)"', page.text))
        with SseClient(front.url + stream_url, cookies=alice.cookies) as stream:
            assert stream.status == 200
            token = {"X-CSRFToken": alice.cookies["csrftoken"]}
            assert alice.post("/rest/invoices/", json={"number": 7}, headers=token).json() == {"number": 7}
            event = stream.wait_for(lambda event: event.event == "invoices.invoice_sent")
            assert alice.get("/api/unread").json()["unread"] == 1
            assert "Invoice 7 is there" in alice.get("/notifications/").text
            assert alice.post("/api/read", json={"positions": [event.position]}, headers=token).json()["unread"] == 0
            stream.wait_for(lambda event: event.event == "inbox.read")
            alice.post("/admin/logout/", data={"csrfmiddlewaretoken": alice.cookies["csrftoken"]})
            stream.wait_closed()
