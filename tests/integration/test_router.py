"""A site whose router keeps everything on another database than "default", which is empty; and routers that separate too much."""

import pytest

from tests.integration.foreign import ForeignSite
from tests.support.documents import blocks
from tests.support.sse import SseClient, login

SETTINGS = """
DATABASES = {"default": {}, "main": DATABASES["default"], "second": {
    "ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "second.sqlite3"}}
DATABASE_ROUTERS = ["mysite.routers.Router"]
"""
ROUTER = """
class Router:
    def db_for_read(self, model, **hints):
        return {read}

    def db_for_write(self, model, **hints):
        return {write}

    def allow_relation(self, *args, **hints):
        return True

    def allow_migrate(self, db, app_label, **hints):
        return db == "main"
"""
PEOPLE = """
from django.contrib.auth.models import User
User.objects.create_superuser("alice", password="demo")
"""
SAVE = """
from django.contrib.auth.models import User
from invoices.models import Invoice
Invoice.objects.create(customer=User.objects.get(username="alice"), number={})
"""
# A crash between the row and its event.
CRASH = """
from django.db.models.signals import post_save
from invoices.models import Invoice
def crash(**kwargs):
    raise MemoryError
receivers = post_save.receivers
post_save.connect(crash, sender=Invoice)
post_save.receivers.insert(0, post_save.receivers.pop())
post_save.sender_receivers_cache.clear()
try:
    from django.contrib.auth.models import User
    Invoice.objects.create(customer=User.objects.get(username="alice"), number=99)
except MemoryError:
    print("crashed", Invoice.objects.filter(number=99).count())
"""


def routed(packages, tmp_path, read: str, write: str) -> ForeignSite:
    site = ForeignSite(tmp_path, packages)
    with (tmp_path / "mysite" / "settings.py").open("a") as settings:
        settings.write(SETTINGS)
    (tmp_path / "mysite" / "routers.py").write_text(ROUTER.format(read=read, write=write))
    for block in blocks("integrating.md")[:5]:
        site.follow(block)
    return site


@pytest.fixture
def site(packages, tmp_path):
    site = routed(packages, tmp_path, '"main"', '"main"')
    site.run("manage.py", "makemigrations", "invoices")
    site.run("manage.py", "migrate", "--database", "main", "--verbosity", "0")
    site.shell(PEOPLE)
    yield site
    site.close()


def test_everything_is_on_the_database_that_the_router_says(site):
    assert "crashed 0" in site.shell(CRASH)
    server = site.serve()
    alice = login(server.url, "alice", path="/admin/login/")
    with SseClient(f"{server.url}/events/", cookies=alice.cookies) as stream:
        site.shell(SAVE.format(7))
        event = stream.wait_for(lambda event: event.event == "invoices.invoice_sent")
        assert event.json()["data"] == {"number": 7}
        for path in ("/notifications/", "/notifications/preferences/", "/api/inbox", "/readyz", "/metrics"):
            assert alice.get(path).status_code in (200, 404), path
        body = {"positions": [event.position]}
        headers = {"X-CSRFToken": alice.cookies["csrftoken"]}
        assert alice.post("/api/read", json=body, headers=headers).json()["unread"] == 0
        stream.wait_for(lambda event: event.event == "inbox.read")
        form = {"csrfmiddlewaretoken": alice.cookies["csrftoken"]}
        for path in ("/notifications/read/", "/notifications/preferences/"):
            assert alice.post(path, data=form, headers={"Referer": server.url}).status_code in (302, 400), path
        alice.post("/admin/logout/", data=form, headers={"Referer": server.url})
        stream.wait_closed()
    assert site.run("manage.py", "prune_events").returncode == 0
    assert site.run("manage.py", "check", "--database", "main").returncode == 0


@pytest.mark.parametrize(
    ("read", "write", "number", "words"),
    [
        ('"second"', '"main"', "E013", "notifications.Event on main and second, and the log on main"),
        ('"main"', '"second" if model.__name__ == "Subscription" else "main"', "E013", "notifications.Subscription on"),
        ('"main"', '"second" if model._meta.app_label == "auth" else "main"', "E013", "auth.User on main and second"),
        ('"main"', '"second" if model._meta.app_label == "invoices" else "main"', "E014", "invoices.Invoice on second"),
    ],
    ids=["a replica", "two tables", "the users", "the models"],
)
def test_a_router_that_separates_what_belongs_together_is_refused(packages, tmp_path, read, write, number, words):
    done = routed(packages, tmp_path, read, write).run("manage.py", "check", check=False)
    assert done.returncode == 1
    assert f"notifications.{number}" in done.stderr
    assert words in done.stderr
