"""Emails about what stays unread: to whom, when, saying what, and how to be rid of them."""

import re
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db.models import F
from django.test import Client
from django.utils import timezone

from notifications import conf, digests, inbox, log, preferences, subscriptions
from notifications.digests import message, sending
from notifications.models import Digest, Event, Preference, Reading
from notifications.preferences import Choice, Quiet
from tests.support.mail import mail_server, send_to
from tests.support.people import person

pytestmark = pytest.mark.django_db(transaction=True)
ORDER = {"number": 7, "buyer": "bob", "product": "Mug", "amount": "12.00", "currency": "EUR"}


@pytest.fixture
def alice():
    return reachable("alice")


def reachable(name: str):
    user = person(name)
    user.email = f"{name}@shop.example"
    user.save()
    return user


def tell(user, count: int = 1, minutes: int = 31, kind: str = "order.placed") -> None:
    """Tells a person something, that long ago."""
    before = log.head()
    log.append_all([Event(channel=f"user:{user.pk}", kind=kind, data=ORDER, url="/orders/7/") for _ in range(count)])
    Event.objects.filter(position__gt=before).update(created_at=timezone.now() - timedelta(minutes=minutes))


def run() -> list[Any]:
    """Runs the command and returns what it sent."""
    mail.outbox.clear()
    call_command("send_digests", stdout=StringIO())
    return list(mail.outbox)


def html_of(message: Any) -> str:
    """The other form of the same."""
    [(content, mimetype)] = message.alternatives
    assert mimetype == "text/html"
    return str(content)


def later(**ago: int) -> None:
    """Lets that time pass since the last email to anybody."""
    Digest.objects.update(sent_at=F("sent_at") - timedelta(**ago))


def test_what_stays_unread_is_mailed_once_bundled(alice):
    tell(alice, 2)
    tell(alice, kind="order.paid", minutes=5)
    (message,) = run()
    assert message.to == ["alice <alice@shop.example>"]
    assert message.subject == "3 notifications you have not read"
    for form in (message.body, html_of(message)):
        assert form.count("bob placed order 7") == 2
        assert "bob paid order 7" in form
        assert "http://127.0.0.1:8000/orders/7/" in form
    assert run() == []
    later(hours=5)
    assert run() == []
    tell(alice)
    (message,) = run()
    assert message.subject == "1 notification you have not read"


def test_what_is_young_read_or_old_news_is_not_mailed(alice):
    past = timezone.now() - timedelta(minutes=31)
    tell(alice, minutes=8 * 24 * 60)
    assert run() == []
    tell(alice, minutes=29)
    assert run() == []
    inbox.mark_all_read(alice)
    Event.objects.filter(created_at__gt=timezone.now() - timedelta(days=1)).update(created_at=past)
    assert run() == []
    assert not Digest.objects.exists()
    assert inbox.change(alice, [inbox.items(alice)[1].position or 0], Reading.State.UNREAD)
    tell(alice)
    (message,) = run()
    assert message.subject == "1 notification you have not read"


def test_one_person_gets_no_second_email_before_the_pause_is_over(alice):
    tell(alice)
    assert len(run()) == 1
    tell(alice)
    assert run() == []
    later(minutes=conf.digest_pause().seconds // 60 + 1)
    assert len(run()) == 1


def test_many_become_one_line_and_the_rest_is_counted(alice):
    tell(alice, 3)
    (message,) = run()
    assert "3 new orders" in message.body
    later(days=1)
    tell(alice, 21, kind="payment.succeeded")
    tell(alice, 100)
    (message,) = run()
    assert message.subject == "99+ notifications you have not read"
    assert "and 79+ more" in message.body


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [
        ({"order.placed": Choice(email=False)}, 0),
        ({"order.placed": Choice(page=False)}, 0),
        ({"order.paid": Choice(email=False)}, 1),
        ({"order.placed": Choice(toast=False)}, 1),
    ],
)
def test_kinds_that_are_off_are_not_mailed(alice, wanted, sent):
    preferences.save(alice, preferences.checked(wanted, Quiet()))
    tell(alice)
    assert len(run()) == sent
    # Nor looked at in every run.
    assert digests.due() == []


def test_a_required_kind_may_be_off_in_emails(alice):
    tell(alice, kind="payment.succeeded")
    preferences.save(alice, preferences.checked({"payment.succeeded": Choice(email=False)}, Quiet()))
    assert run() == []
    assert inbox.unread_count(alice) == 1


def test_a_muted_author_is_not_mailed_about(alice):
    subscriptions.subscribe(alice, "author:1")
    log.append("author:1", "post.published", {"author": "carol", "title": "News"})
    Event.objects.update(created_at=timezone.now() - timedelta(hours=1))
    subscriptions.set_muted(alice, "author:1", muted=True)
    assert run() == []


def test_quiet_hours_hold_an_email_back_and_lose_nothing(alice):
    now = timezone.now()
    start, until = (now - timedelta(hours=1)).time(), (now + timedelta(hours=1)).time()
    hours = Quiet(on=True, start=start.replace(second=0, microsecond=0), until=until, zone="UTC")
    preferences.save(alice, preferences.checked({}, hours))
    tell(alice)
    assert run() == []
    preferences.save(alice, preferences.checked({}, Quiet()))
    assert len(run()) == 1


def test_nobody_without_an_address_or_account_is_mailed(alice):
    tell(person("bob"))
    tell(alice)
    alice.is_active = False
    alice.save()
    assert run() == []


def test_an_email_is_in_the_language_and_time_zone_of_its_reader(client, alice):
    preferences.save(alice, preferences.checked({}, Quiet(zone="Asia/Shanghai")))
    client.force_login(alice)
    client.get("/", headers={"Accept-Language": "zh-hans", "Accept": "text/html"})
    assert preferences.of(alice).language == "zh-hans"
    tell(alice)
    Event.objects.filter(kind="order.placed").update(created_at=timezone.now().replace(hour=20) - timedelta(days=2))
    (message,) = run()
    assert "bob 下了订单 7" in message.body
    there = (timezone.now() - timedelta(days=1)).date()
    assert f"{there.year}年{there.month}月{there.day}日" in message.body


def test_the_language_is_that_of_the_last_page_and_not_of_what_other_clients_ask(client, alice):
    client.force_login(alice)
    client.get("/")
    assert not Preference.objects.exists()
    page = {"Accept": "text/html,*/*;q=0.8"}
    client.get("/", headers={"Accept-Language": "zh-hans", **page})
    client.get("/api/unread", headers={"Accept-Language": "en", "Accept": "application/json"})
    assert preferences.of(alice).language == "zh-hans"
    preferences.save(alice, preferences.of(alice))
    assert preferences.of(alice).language == "zh-hans"
    client.get("/", headers={"Accept-Language": "en", **page})
    assert preferences.of(alice).language == "en"


def test_one_click_in_a_mail_program_ends_all_emails(alice):
    """RFC 8058: a POST without cookies or token; a GET, as scanners send, changes nothing."""
    tell(alice)
    (message,) = run()
    headers = message.extra_headers
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert headers["Auto-Submitted"] == "auto-generated"
    path = re.fullmatch(r"<http://127\.0\.0\.1:8000(/notifications/unsubscribe/[^/>]+/)>", headers["List-Unsubscribe"])
    assert path
    for form in (message.body, html_of(message)):
        assert path[1] in form
    program = Client(enforce_csrf_checks=True)
    assert b"Send me no more emails" in program.get(path[1]).content
    assert preferences.of(alice).email
    answer = program.post(path[1], {"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert b"You get no more emails from us." in answer.content
    assert not preferences.of(alice).email
    later(days=1)
    tell(alice)
    assert run() == []
    # It is the emails alone.
    assert preferences.of(alice).silenced == frozenset()
    assert inbox.unread_count(alice) == 2


def test_the_way_out_is_nobody_elses(alice, client):
    bob = reachable("bob")
    genuine = message.token(bob)
    for made_up in (genuine[:-1], f"{alice.pk}", genuine.replace(":", "")):
        assert client.post(f"/notifications/unsubscribe/{made_up}/").status_code == 404
    assert client.post(f"/notifications/unsubscribe/{genuine}/").status_code == 200
    assert preferences.of(alice).email
    assert not preferences.of(bob).email


def test_emails_are_chosen_on_the_page_of_settings_and_by_the_api(client, alice):
    client.force_login(alice)
    shown = client.get("/notifications/preferences/").content.decode()
    assert "Email me what I have not read after 30 minutes" in shown
    assert "alice@shop.example" in shown
    client.post("/notifications/preferences/", {"order.paid:page": "on", "order.paid:email": "on", "zone": ""})
    assert not preferences.of(alice).email
    assert preferences.of(alice).kinds["order.paid"].email
    assert not preferences.of(alice).kinds["order.placed"].email
    # A client that knows nothing of emails does not switch them on again.
    said: dict = {"kinds": {}, "quiet": {}}
    assert not client.put("/api/preferences", said, content_type="application/json").json()["email"]
    said["email"] = True
    assert client.put("/api/preferences", said, content_type="application/json").json()["email"]


def test_without_an_address_the_page_of_settings_says_so(client):
    client.force_login(person("bob"))
    assert "We have no email address of yours" in client.get("/notifications/preferences/").content.decode()


def test_whom_the_mail_server_refuses_holds_up_nobody_else(settings, alice):
    bob = reachable("bob")
    for user in (alice, bob):
        tell(user)
    with mail_server() as server:
        send_to(settings, server.port)
        server.refused = {"alice@shop.example"}
        with pytest.raises(CommandError, match="1 emails were refused"):
            call_command("send_digests", stdout=StringIO())
        assert server.recipients() == ["bob@shop.example"]
        # Not in every run, but again: nothing is lost.
        server.refused = set()
        call_command("send_digests", stdout=StringIO())
        assert server.recipients() == ["bob@shop.example"]
        Digest.objects.filter(user=alice).update(claimed_at=timezone.now() - sending.LEASE)
        call_command("send_digests", stdout=StringIO())
        assert server.recipients() == ["bob@shop.example", "alice@shop.example"]


def test_without_the_sites_address_nothing_is_sent(settings, alice):
    settings.NOTIFICATIONS_SITE_URL = ""
    tell(alice)
    with pytest.raises(CommandError, match="SITE_URL: must be set"):
        run()
    assert digests.due() == [alice.pk]
