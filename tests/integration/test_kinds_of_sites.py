"""Sites as they are: with other users, sessions, apps and languages (docs/integrating.md, "Sites with …")."""

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Event, Request, TextMessage

from tests.integration.foreign import ForeignSite
from tests.integration.kinds import KINDS, Made, made
from tests.support.documents import blocks
from tests.support.sse import SseClient

# What its site had before, and what it had to change.
EVENTSTREAM_BEFORE = """
INSTALLED_APPS += ["django_eventstream"]
EVENTSTREAM_STORAGE_CLASS = "django_eventstream.storage.DjangoModelStorage"
EVENTSTREAM_CHANNELMANAGER_CLASS = "mysite.channels.NewsManager"
EVENTSTREAM_REDIS = {"host": "127.0.0.1", "port": 6379, "db": 0}
EVENTSTREAM_ALLOW_ORIGIN = "*"
"""
OWN_MANAGER = """
from django_eventstream.channelmanager import DefaultChannelManager


class NewsManager(DefaultChannelManager):
    pass
"""


@pytest.fixture(params=KINDS)
def made_site(request, packages, tmp_path) -> Iterator[Made]:
    """A site of a kind, of every kind in turn where a test does not name one."""
    kind = KINDS[request.param]
    site = made(packages, tmp_path, kind)
    yield Made(site, kind)
    site.close()


def attributes(page: str) -> dict[str, Any]:
    return dict(re.findall(r'data-([\w-]+)="([^"]*)"', page))


def test_pages_api_streams_and_log_out_work(made_site):
    site, kind = made_site.site, made_site.kind
    assert "notifications.E" not in site.run("manage.py", "check").stderr
    server = site.serve()
    with ExitStack() as stack:
        alice, elsewhere = (stack.enter_context(closing(made_site.enter(server.url))) for _ in range(2))
        page = alice.get(f"{kind.prefix}/")
        stream_url = attributes(page.text)["stream-url"].replace("&amp;", "&")
        assert stream_url.startswith(f"{kind.prefix}/events/")
        stream, other = (
            stack.enter_context(SseClient(server.url + stream_url, cookies=client.cookies))
            for client in (alice, elsewhere)
        )
        assert (stream.status, other.status) == (200, 200)
        if "rest_framework" in kind.settings:
            headers = {"X-CSRFToken": alice.cookies["csrftoken"]}
            assert alice.post("/rest/invoices/", json={"number": 7}, headers=headers).json() == {"number": 7}
        else:
            made_site.save(7)
        for each in (stream, other):
            event = each.wait_for(lambda event: event.event == "invoices.invoice_sent")
            assert event.json()["title"] == "Invoice 7 is there"
        files = re.findall(r'(?:src|href)="([^"]+\.(?:js|css))"', page.text)
        assert files
        for path in files:
            assert alice.get(path).status_code == 200, path
        for path in ("/notifications/", "/notifications/preferences/", "/api/inbox", "/api/preferences"):
            assert alice.get(kind.prefix + path).status_code == 200, path
        assert alice.get(f"{kind.prefix}/api/unread").json()["unread"] == 1
        inbox = alice.get(f"{kind.prefix}/notifications/").text
        assert "Invoice 7 is there" in inbox
        assert kind.html in inbox

        if "touch/" in kind.urls:
            alice.get("/touch/")
        # A log-out ends the streams of this session, and of no other.
        form = {"csrfmiddlewaretoken": alice.cookies["csrftoken"]}
        assert alice.post(kind.prefix + kind.logout, data=form).status_code in (200, 302)
        stream.wait_closed()
        made_site.save(8)
        other.wait_for(lambda event: event.event == "invoices.invoice_sent" and event.json()["data"]["number"] == 8)
        assert [
            event.json()["data"]["number"] for event in stream.events if event.event == "invoices.invoice_sent"
        ] == [7]
        with SseClient(server.url + stream_url, cookies=alice.cookies) as refused:
            assert refused.status == 204


@pytest.mark.parametrize("made_site", ["FORCE_SCRIPT_NAME"], indirect=True)
def test_a_proxy_may_remove_the_script_name_or_leave_it(made_site):
    uvicorn = ("-m", "uvicorn", "notifications.asgi:application", "--port", "{port}")
    made_site.site.environment["DJANGO_SETTINGS_MODULE"] = "mysite.settings"
    for command in ((), uvicorn):
        server = made_site.site.serve(*command)
        with closing(made_site.enter(server.url)) as alice:
            for prefix in ("", "/shop"):
                assert alice.get(f"{prefix}/notifications/").status_code == 200
                with SseClient(f"{server.url}{prefix}/events/", cookies=alice.cookies) as stream:
                    assert stream.status == 200
                    assert stream.headers["content-type"].startswith("text/event-stream")


@pytest.mark.parametrize("made_site", ["WebSockets"], indirect=True)
def test_consumers_of_the_sites_own_have_their_websockets_and_users(made_site):
    server = made_site.site.serve()
    with closing(made_site.enter(server.url)) as alice:
        cookie = f"sessionid={alice.cookies['sessionid']}".encode()
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as raw:
            websocket = WSConnection(ConnectionType.CLIENT)
            raw.sendall(websocket.send(Request(host="127.0.0.1", target="/echo/", extra_headers=[(b"cookie", cookie)])))
            assert isinstance(next_event(raw, websocket), AcceptConnection)
            raw.sendall(websocket.send(TextMessage("hello")))
            answer = next_event(raw, websocket)
    assert isinstance(answer, TextMessage)
    assert answer.data == "alice: hello"


def next_event(raw: socket.socket, websocket: WSConnection) -> Event:
    while (event := next(websocket.events(), None)) is None:
        websocket.receive_data(raw.recv(4096) or None)
    return event


@pytest.mark.parametrize("made_site", ["django-eventstream"], indirect=True)
def test_a_view_of_django_eventstream_and_send_event_go_on_working(made_site):
    server = made_site.site.serve()
    send = "from django_eventstream import send_event\nsend_event('user:1', 'news', {'text': 'hello'})\n"
    with closing(made_site.enter(server.url)) as alice, ExitStack() as stack:
        own = stack.enter_context(SseClient(f"{server.url}/mine/1/", cookies=alice.cookies))
        of_the_log = stack.enter_context(SseClient(f"{server.url}/events/", cookies=alice.cookies))
        friendly = {"Origin": "https://friend.example"}
        assert SseClient(f"{server.url}/events/", cookies=alice.cookies, headers=friendly).status == 200
        # The view of a stranger's channel has no stream.
        with SseClient(f"{server.url}/mine/2/", cookies=alice.cookies) as strange:
            strange.wait_for(lambda event: event.event == "stream-error")
        made_site.site.shell(send)
        assert of_the_log.wait_for(lambda event: event.event == "news").json() == {"text": "hello"}
        assert own.wait_for(lambda event: event.event == "news").json() == {"text": "hello"}


def test_settings_of_django_eventstream_that_bypass_the_log_are_named_each_in_a_line(packages, tmp_path):
    site = ForeignSite(tmp_path, packages)
    (tmp_path / "mysite" / "channels.py").write_text(OWN_MANAGER)
    with (tmp_path / "mysite" / "settings.py").open("a") as settings:
        settings.write(EVENTSTREAM_BEFORE)
    for block in blocks("integrating.md")[:5]:
        site.follow(block)
    done = site.run("manage.py", "check", check=False)
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if "EVENTSTREAM_" in line and "HINT" not in line]
    assert [re.findall(r"notifications\.([EW]\d+)", line)[0] for line in lines] == ["E007", "E008", "W017", "W018"]
    # No hint asks for more than a line of settings.
    hints = [line for line in done.stderr.splitlines() if "HINT: Set EVENTSTREAM_" in line]
    assert len(hints) == 2
