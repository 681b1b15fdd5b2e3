"""The wheel beside the newest Django, on the newest Python, as pip installs both unasked."""

import re
import uuid

import pytest

from config import environment
from tests.integration.environments import install, interpreter, make_environment
from tests.integration.foreign import ForeignSite
from tests.support.documents import blocks
from tests.support.services import POSTGRESQL, ROOT, SQLITE
from tests.support.sse import SseClient, login

KEY = "6f1b2c3d-0000-4000-8000-00000000000a"
ALICE = f"""
from people.models import Person
Person.objects.create_superuser("alice", "alice@shop.example", "demo", pk="{KEY}")
"""
INVOICE = """
from people.models import Person
from invoices.models import Invoice
Invoice.objects.create(customer=Person.objects.get(username="alice"), number=7)
"""


@pytest.fixture(scope="module")
def newest_python(wheel, tmp_path_factory):
    """Python 3.13 with the wheel and what it requires: the newest versions that the index has."""
    return make_environment(tmp_path_factory.mktemp("newest") / "venv", interpreter("3.13"), wheel)


@pytest.fixture(params=[SQLITE, POSTGRESQL])
def newest_site(request, wheel, newest_python, tmp_path):
    """On PostgreSQL with the wheel's extras, and on SQLite without: those tests run first."""
    site = ForeignSite(tmp_path, None, newest_python)
    site.use_persons("id = models.UUIDField(primary_key=True, default=uuid.uuid4)")
    for block in blocks("integrating.md")[:5]:
        site.follow(block)
    if request.param == POSTGRESQL:
        install(newest_python, f"{wheel}[postgresql,redis]")
        server = request.getfixturevalue("postgres_server")
        database = environment.database(server.create_database(f"newest_{uuid.uuid4().hex[:12]}"), ROOT)
        (layer,) = [block for block in blocks("integrating.md") if block.place == "with Redis"]
        code = layer.code.replace("redis://127.0.0.1:6379/0", request.getfixturevalue("redis_server").url)
        with (tmp_path / "mysite" / "settings.py").open("a") as settings:
            settings.write(f"DATABASES = {{'default': {database!r}}}\n{code}")
    site.run("manage.py", "makemigrations", "people", "invoices")
    site.run("manage.py", "migrate", "--verbosity", "0")
    site.shell(ALICE)
    yield site
    site.close()


def test_it_serves_pages_api_stream_and_unread_count_to_a_user_with_a_uuid(newest_site):
    versions = newest_site.run("-c", "import sys, django; print(*sys.version_info[:2], *django.VERSION[:2])").stdout
    assert tuple(map(int, versions.split()[:2])) == (3, 13)
    assert tuple(map(int, versions.split()[2:])) >= (6, 1)
    assert newest_site.run("-m", "pip", "check").returncode == 0
    where = newest_site.run("-c", "import notifications; print(notifications.__path__[0])").stdout.strip()
    assert newest_site.run("-c", f"open({where!r} + '/py.typed')").returncode == 0

    server = newest_site.serve()
    alice = login(server.url, "alice", path="/admin/login/")
    with SseClient(f"{server.url}/events/", cookies=alice.cookies) as stream:
        assert stream.status == 200
        newest_site.shell(INVOICE)
        event = stream.wait_for(lambda event: event.event == "invoices.invoice_sent")
    assert event.json()["channel"] == f"user:{KEY}"
    assert event.json()["title"] == "Invoice 7 is there"
    paths = (
        "/",
        "/notifications/",
        "/notifications/preferences/",
        "/api/inbox",
        "/api/events?after=0",
        "/api/preferences",
    )
    answers = {path: alice.get(path).status_code for path in (*paths, "/admin/notifications/event/", "/metrics")}
    assert answers == dict.fromkeys(answers, 200)
    unread = alice.get("/api/unread")
    assert (unread.status_code, unread.json()["unread"]) == (200, 1)
    checked = newest_site.run("manage.py", "check", "--database", "default").stderr
    assert re.findall(r"notifications\.[EW]\d+", checked) == ["notifications.W005"]
