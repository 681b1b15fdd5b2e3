"""Sites whose users have other keys than numbers: everything that takes an id takes these."""

import html
import json
import re
import uuid
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlencode

import httpx
import pytest

from config import environment
from tests.integration.foreign import MAIL, ForeignSite
from tests.support.documents import blocks
from tests.support.services import POSTGRESQL, ROOT, SQLITE, PostgresServer
from tests.support.sse import SseClient, login

MODELS = {
    "uuid": "id = models.UUIDField(primary_key=True, default=uuid.uuid4)",
    "email": "id = models.CharField(primary_key=True, max_length=90)",
}
KEYS = {
    "uuid": ("6f1b2c3d-0000-4000-8000-00000000000a", "6f1b2c3d-0000-4000-8000-00000000000b"),
    # A colon as in channels, and what addresses escape.
    "email": ("alice:1+new@shop.example", "bob & co@shop.example"),
}
PEOPLE = """
from people.models import Person
for key, name in zip({keys!r}, ("alice", "bob")):
    Person.objects.create_superuser(name, f"{{name}}@shop.example", "demo", pk=key)
"""
KIND = "invoices.invoice_sent"
INVOICE = """
from people.models import Person
from invoices.models import Invoice
for number in range({first}, {first} + {count}):
    Invoice.objects.create(customer=Person.objects.get(username="{name}"), number=number)
"""


class Users(NamedTuple):
    """A site, and the primary keys of alice and bob in it."""

    site: ForeignSite
    keys: tuple[str, str]


@pytest.fixture(params=[SQLITE, POSTGRESQL])
def database_settings(request) -> str:
    """Lines for the settings of a site."""
    if request.param == SQLITE:
        return ""
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = server.create_database(f"users_{uuid.uuid4().hex[:12]}")
    return f"DATABASES = {{'default': {environment.database(url, ROOT)!r}}}\n"


@pytest.fixture(params=MODELS)
def users(request, packages, database_settings, tmp_path) -> Iterator[Users]:
    site = ForeignSite(tmp_path, packages)
    site.use_persons(MODELS[request.param])
    with (tmp_path / "mysite" / "settings.py").open("a") as settings:
        settings.write('NOTIFICATIONS_SITE_URL = "https://shop.example"\n')
        settings.write(MAIL.format(backend="console"))
        settings.write(database_settings)
    for block in blocks("integrating.md")[:5]:
        site.follow(block)
    site.run("manage.py", "makemigrations", "people", "invoices")
    site.run("manage.py", "migrate", "--verbosity", "0")
    site.shell(PEOPLE.format(keys=KEYS[request.param]))
    yield Users(site, KEYS[request.param])
    site.close()


def post(client, path: str, body: object):
    headers = {"X-CSRFToken": client.cookies["csrftoken"], "Content-Type": "application/json"}
    return client.post(path, content=json.dumps(body), headers=headers)


def test_pages_api_streams_and_emails_take_any_key(users):
    site, (key, other_key) = users
    server = site.serve()
    alice, bob = (login(server.url, name, path="/admin/login/") for name in ("alice", "bob"))
    with (
        SseClient(f"{server.url}/events/?{urlencode({'user': key})}", cookies=alice.cookies) as stream,
        SseClient(f"{server.url}/events/", cookies=bob.cookies) as elsewhere,
    ):
        site.shell(INVOICE.format(name="alice", first=1, count=3) + INVOICE.format(name="bob", first=9, count=1))
        for number in (1, 2, 3):
            stream.wait_for(lambda event: event.event == KIND and event.json()["data"]["number"] == number)  # noqa: B023
        events = [event for event in stream.events if event.event == KIND]
        elsewhere.wait_for(lambda event: event.event == KIND)
        # The stream of somebody else's page is refused.
        assert SseClient(f"{server.url}/events/?{urlencode({'user': other_key})}", cookies=alice.cookies).status == 204
        assert [event.json()["channel"] for event in events] == [f"user:{key}"] * 3
        position = events[0].json()["id"]
        for path in (
            *("/", "/notifications/", "/notifications/?show=unread", "/notifications/preferences/"),
            *("/api/inbox", "/api/events?after=0", "/api/preferences", "/api/unread"),
            *(f"/api/unread?{urlencode({'user': key})}", f"/api/events?{urlencode({'after': 0, 'user': key})}"),
        ):
            assert alice.get(path).status_code == 200, path
        assert alice.get(f"/api/unread?{urlencode({'user': other_key})}").status_code == 403
        assert alice.get("/api/unread").json()["unread"] == 3
        assert html.escape(key) in alice.get("/").text
        assert post(alice, "/api/read", {"positions": [position]}).json()["unread"] == 2
        stream.wait_for(lambda event: event.event == "inbox.read")
        assert post(alice, "/api/dismiss", {"positions": [position]}).status_code == 200
        for path in ("notifications/event/", "notifications/subscription/?q=alice", "notifications/serverprocess/"):
            assert alice.get(f"/admin/{path}").status_code == 200, path
        why = alice.get("/admin/notifications/event/").text
        found = re.search(r"/admin/notifications/event/(\d+)/change/", why)
        assert found is not None
        event = int(found[1])
        assert alice.get(f"/admin/notifications/event/{event}/why/?user=alice").status_code == 200
        asked = alice.post(
            f"/admin/notifications/event/{event}/why/",
            data={"user": "alice", "csrfmiddlewaretoken": alice.cookies["csrftoken"]},
            headers={"Referer": server.url},
        )
        assert asked.status_code == 302
        site.shell(
            "from notifications.models import Event\nfrom datetime import timedelta\n"
            "from django.db.models import F\n"
            "Event.objects.update(created_at=F('created_at') - timedelta(hours=1))"
        )
        sent = site.run("manage.py", "send_digests").stdout
        assert "List-Unsubscribe" in sent
        assert site.run("manage.py", "prune_events").returncode == 0
        token = site.run("manage.py", "notifications_token", "alice").stdout.strip()
        by_token = {"Authorization": f"Bearer {token}"}
        assert httpx.get(f"{server.url}/api/unread", headers=by_token).json()["unread"] == 2
        with SseClient(f"{server.url}/events/?{urlencode({'user': key})}", headers=by_token) as phone:
            assert phone.status == 200
        # Bob is deleted, and his stream ends.
        site.shell("from people.models import Person\nPerson.objects.get(username='bob').delete()")
        elsewhere.wait_closed()
    assert site.run("manage.py", "check").returncode == 0
