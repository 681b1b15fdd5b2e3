"""docs/integrating.md, done as it is written."""

import zipfile

from tests.support.documents import blocks
from tests.support.sse import SseClient, login

SAVE = """
from django.contrib.auth.models import User
from invoices.models import Invoice
invoice = Invoice.objects.create(customer=User.objects.get(username="{}"), number={})
invoice.save()
"""


def own_lines() -> list[str]:
    """What a team writes by itself: in a file that is there already the marked lines, else all."""
    lines = []
    for block in blocks("integrating.md")[:5]:
        code = [line for line in block.code.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        lines += [line for line in code if "# new" in line] if "models" in block.path else code
    return lines


def test_the_wheel_holds_the_notifications_app_alone_with_its_files(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"notifications"}
    for name in (
        "static/notifications/embed/live.js",
        "templates/notifications/inbox.html",
        "management/commands/serve.py",
        "migrations/0001_initial.py",
        "locale/zh_Hans/LC_MESSAGES/django.mo",
    ):
        assert f"notifications/{name}" in names


def test_a_dozen_lines_of_ones_own_are_enough():
    assert [block.path for block in blocks("integrating.md")[:5]] == [
        "mysite/settings.py",
        "mysite/urls.py",
        "invoices/models.py",
        "invoices/notifiers.py",
        "invoices/templates/base.html",
    ]
    assert 8 <= len(own_lines()) <= 12, own_lines()


def test_a_saved_row_is_heard_by_its_person_alone(foreign_site):
    server = foreign_site.serve()
    alice, bob = (login(server.url, name, path="/admin/login/") for name in ("alice", "bob"))
    with (
        SseClient(f"{server.url}/events/", cookies=alice.cookies) as heard,
        SseClient(f"{server.url}/events/", cookies=bob.cookies) as elsewhere,
    ):
        foreign_site.shell(SAVE.format("alice", 7) + SAVE.format("bob", 8))
        event = heard.wait_for(lambda event: event.event == "invoices.invoice_sent")
        elsewhere.wait_for(lambda event: event.event == "invoices.invoice_sent")
    told = event.json()
    assert told.pop("id") == event.position
    assert told.pop("created_at")
    assert told == {
        "kind": "invoices.invoice_sent",
        "channel": "user:1",
        "title": "Invoice 7 is there",
        "body": "",
        "url": "/invoices/7/",
        "data": {"number": 7},
    }
    # Saving it again is nothing new.
    assert [json.json()["title"] for json in heard.events if json.event == "invoices.invoice_sent"] == [
        "Invoice 7 is there"
    ]
    assert [json.json()["title"] for json in elsewhere.events if json.event == "invoices.invoice_sent"] == [
        "Invoice 8 is there"
    ]


def test_whoever_was_away_finds_it_in_the_inbox_in_the_app_s_own_frame(foreign_site):
    foreign_site.shell(SAVE.format("bob", 11))
    server = foreign_site.serve()
    bob = login(server.url, "bob", path="/admin/login/")
    page = bob.get("/notifications/")
    assert page.status_code == 200
    assert "Invoice 11 is there" in page.text
    assert bob.get("/notifications/preferences/").status_code == 200
    assert bob.get("/api/unread").json()["unread"] >= 1
    assert bob.get("/static/notifications/embed/live.js").status_code == 200


def test_its_operators_have_their_page_live_and_the_metrics(foreign_site):
    server = foreign_site.serve()
    alice = login(server.url, "alice", path="/admin/login/")
    assert alice.get("/admin/notifications/serverprocess/").status_code == 200
    with SseClient(f"{server.url}/operators/events/", cookies=alice.cookies) as seen:
        assert seen.status == 200
        assert "notifications_streams_open" in alice.get("/metrics").text


def test_a_page_in_its_own_frame_toasts(foreign_site, browser_page):
    server = foreign_site.serve()
    page = browser_page()
    page.goto(f"{server.url}/admin/login/?next=/")
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill("demo")
    with page.expect_response(lambda response: response.url.endswith("/embed/live.js")):
        page.get_by_role("button", name="Log in").click()
    # What happens between the page and its stream is on the stream: nothing to wait for.
    foreign_site.shell(SAVE.format("alice", 21))
    page.locator(".toast", has_text="Invoice 21 is there").wait_for()


def test_runserver_has_streams_too(foreign_site):
    server = foreign_site.serve("manage.py", "runserver", "127.0.0.1:{port}", "--noreload")
    alice = login(server.url, "alice", path="/admin/login/")
    with SseClient(f"{server.url}/events/", cookies=alice.cookies) as heard:
        foreign_site.shell(SAVE.format("alice", 31))
        heard.wait_for(lambda event: event.event == "invoices.invoice_sent" and "31" in event.data)


def test_an_asgi_application_of_ones_own_has_streams_too(foreign_site):
    (own,) = [block for block in blocks("integrating.md") if block.path == "mysite/asgi.py"]
    foreign_site.follow(own)
    server = foreign_site.serve("-m", "uvicorn", "mysite.asgi:application", "--port", "{port}", "--lifespan", "off")
    alice = login(server.url, "alice", path="/admin/login/")
    with SseClient(f"{server.url}/events/", cookies=alice.cookies) as heard:
        foreign_site.shell(SAVE.format("alice", 41))
        heard.wait_for(lambda event: event.event == "invoices.invoice_sent" and "41" in event.data)


def test_check_finds_what_startproject_left_and_nothing_else(foreign_site):
    done = foreign_site.run("manage.py", "check")
    assert "notifications.W005" in done.stderr
    assert "identified 1 issue" in done.stderr
