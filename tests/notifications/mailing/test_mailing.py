"""Emails at once: to whom, about what, when, saying what; once, or not at all."""

import re
from datetime import UTC, datetime, time, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core import mail
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from notifications import inbox, kinds, log, preferences, subscriptions
from notifications.consumers.batch import Batch, Interrupted
from notifications.mailing import queueing, sending
from notifications.models import Digest, Event, ImmediateEmail, Preference, Reading
from notifications.monitoring import why
from notifications.preferences import Choice, Quiet
from tests.support.mail import mail_server, send_to
from tests.support.people import person

pytestmark = pytest.mark.django_db(transaction=True)
ORDER = {"number": 7, "product": "Mug", "amount": "1200", "currency": "EUR"}
PAID = "payment.succeeded"


def reachable(name: str) -> Any:
    user = person(name)
    user.email = f"{name}@shop.example"
    user.save()
    return user


@pytest.fixture
def alice():
    return reachable("alice")


@pytest.fixture(autouse=True)
def cursors_at_the_head(settings):
    settings.NOTIFICATIONS_SITE_URL = "https://shop.example"
    sending._downs = 0
    call_command("deliver", "--once")


def tell(user, kind: str = PAID, **fields) -> None:
    log.append(f"user:{user.pk}", kind, ORDER, url="/orders/7/", **fields)


def run() -> list[Any]:
    """Runs the consumers and what is due; returns what was sent."""
    mail.outbox.clear()
    call_command("deliver", "--once")
    return list(mail.outbox)


def rows() -> list[tuple[str, bool, bool]]:
    """Of each row: the person, whether it is settled, and whether its email was sent."""
    found = ImmediateEmail.objects.order_by("user_id", "pk")
    return [(row.user.get_username(), row.settled_at is not None, row.was_sent) for row in found]


def let_pass(**duration: float) -> None:
    """Lets that time pass for the rows."""
    for row in ImmediateEmail.objects.all():
        row.due_at -= timedelta(**duration)
        row.claimed_at = row.claimed_at and row.claimed_at - timedelta(**duration)
        row.save()


def test_the_result_of_a_payment_is_mailed_at_once_and_once(alice):
    tell(alice)
    [sent] = run()
    assert (sent.to, sent.subject) == (["alice <alice@shop.example>"], "Your payment for order 7 was received")
    assert sent.body.startswith(
        "Hello alice,\n\nYour payment for order 7 was received\nMug, 1,200.00\xa0EUR\n\nhttps://shop."
    )
    [(html, mimetype)] = sent.alternatives
    assert mimetype == "text/html"
    assert '<a href="https://shop.example/orders/7/">Your payment for order 7 was received</a>' in html
    position, epoch = Event.objects.get(kind=PAID).position, log.bounds().epoch
    link = sent.extra_headers.pop("List-Unsubscribe")
    assert sent.extra_headers == {
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Auto-Submitted": "auto-generated",
        "Message-ID": f"<event.{alice.pk}.{epoch}.{position}@shop.example>",
    }
    assert link.startswith("<https://shop.example/notifications/unsubscribe/")
    assert run() == []
    assert rows() == [("alice", True, True)]


def test_one_click_ends_it_for_this_person_and_no_other(alice):
    bob = reachable("bob")
    tell(alice)
    [sent] = run()
    address = sent.extra_headers["List-Unsubscribe"].strip("<>").removeprefix("https://shop.example")
    stranger = Client(enforce_csrf_checks=True)
    assert stranger.get(address).status_code == 200
    tell(alice)
    assert len(run()) == 1
    assert stranger.post(f"{address}x", {"List-Unsubscribe": "One-Click"}).status_code == 404
    assert stranger.post(address, {"List-Unsubscribe": "One-Click"}).status_code == 200
    tell(alice)
    tell(bob)
    assert [sent.to for sent in run()] == [["bob <bob@shop.example>"]]


def test_it_is_in_the_language_of_the_reader(alice):
    Preference.objects.create(user=alice, language="zh-hans")
    tell(alice)
    [sent] = run()
    assert re.search("[一-鿿]", sent.subject)
    assert re.search("[一-鿿]", sent.body.partition("\n")[0])
    assert '<html lang="zh-hans" dir="ltr">' in sent.alternatives[0][0]


def test_text_of_others_is_escaped_in_the_html(alice):
    log.append(f"user:{alice.pk}", PAID, ORDER | {"product": "<script>alert(1)</script>"})
    [sent] = run()
    assert "<script>" not in sent.alternatives[0][0]
    assert "<script>alert(1)</script>, 1,200.00" in sent.body
    assert "https://shop.example/notifications/\n" in sent.body


@pytest.mark.parametrize(
    ("choices", "email", "sent"),
    [
        ({}, True, 1),
        ({}, False, 0),
        ({PAID: Choice(at_once=False)}, True, 0),
        ({PAID: Choice(at_once=True, email=False)}, True, 1),
    ],
)
def test_the_person_decides(alice, choices, email, sent):
    preferences.save(alice, preferences.checked(choices, Quiet(), email=email))
    tell(alice)
    assert len(run()) == sent


def test_of_a_document_of_the_release_before_no_email_stays_no_email():
    stored = preferences.from_stored({"kinds": {PAID: {"email": False}, "payment.failed": {"email": True}}})
    assert PAID not in stored.mailed_at_once
    assert "payment.failed" in stored.mailed_at_once


def test_a_kind_that_does_not_offer_it_is_refused_and_never_mailed(alice, client):
    with pytest.raises(Exception, match=r"“order\.placed” is not mailed at once"):
        preferences.checked({"order.placed": Choice(at_once=True)}, Quiet())
    log.append(f"user:{alice.pk}", "order.placed", ORDER | {"buyer": "bob"})
    assert run() == []
    client.force_login(alice)
    page = client.get("/notifications/preferences/").content.decode()
    assert set(re.findall(r'name="([a-z_.]+):at_once"', page)) == set(kinds.names_mailed_at_once())
    assert {PAID, "payment.refunded", "order.refund_due"} <= set(kinds.names_mailed_at_once())


def test_the_settings_page_switches_it_for_the_one_who_is_logged_in_alone(alice, client):
    bob = reachable("bob")
    client.force_login(bob)
    form = {f"{kind.name}:{way}": "on" for kind in kinds.listed() for way in ("page", "toast", "email")}
    saved = client.post(
        "/notifications/preferences/", form | {"email": "on", "quiet_from": "22:00", "quiet_until": "07:00"}
    )
    assert saved.status_code == 302
    assert preferences.of(bob).mailed_at_once == frozenset()
    assert PAID in preferences.of(alice).mailed_at_once


def test_the_api_keeps_the_default_where_a_client_of_before_leaves_it_out(alice, client):
    client.force_login(alice)
    quiet = {"on": False, "from": "22:00", "until": "07:00", "zone": "UTC"}

    def put(ways: dict) -> dict:
        body = {"kinds": {PAID: ways}, "quiet": quiet}
        return client.put("/api/preferences", body, content_type="application/json").json()["kinds"][PAID]

    shown = {"page": True, "toast": True, "desktop": False, "email": True, "at_once": True}
    assert put({}) == shown
    assert put({"email": False}) == shown | {"email": False, "at_once": False}
    assert put({"at_once": False}) == shown | {"at_once": False}
    assert put({"at_once": True, "email": False}) == shown | {"email": False}


def queued() -> None:
    """Makes the rows, and sends none."""
    for event in Event.objects.filter(kind__in=kinds.names_mailed_at_once()):
        queueing.queue_emails(Batch([event], save=lambda progress: None))


@pytest.mark.parametrize("fate", ["read", "dismissed", "retracted", "off", "muted", "inactive", "no address"])
def test_nothing_is_sent_about_what_was_settled_before_its_turn(alice, fate):
    tell(alice, key="paid")
    queued()
    position = Event.objects.get(kind=PAID).position or 0
    if fate == "read":
        inbox.mark_read(alice, position)
    elif fate == "dismissed":
        inbox.change(alice, [position], Reading.State.DISMISSED)
    elif fate == "retracted":
        log.retract("paid")
    elif fate == "off":
        preferences.without_email(alice)
    elif fate == "muted":
        subscriptions.set_muted(alice, f"user:{alice.pk}", muted=True)
    elif fate == "inactive":
        type(alice).objects.filter(pk=alice.pk).update(is_active=False)
    else:
        type(alice).objects.filter(pk=alice.pk).update(email="")
    assert run() == []
    assert rows() == [("alice", True, False)]


def test_quiet_hours_hold_it_until_they_end_and_then_it_is_sent_unless_it_was_read(alice):
    bob = reachable("bob")
    now = timezone.now()
    quiet = Quiet(on=True, start=(now - timedelta(hours=1)).time(), until=(now + timedelta(hours=2)).time(), zone="UTC")
    for user in (alice, bob):
        preferences.save(user, preferences.checked({PAID: Choice(at_once=True)}, quiet))
        tell(user)
    assert run() == []
    due = [row.due_at for row in ImmediateEmail.objects.all()]
    assert all(now + timedelta(minutes=118) < moment <= now + timedelta(hours=2) for moment in due), due
    # They are over.
    for user in (alice, bob):
        preferences.save(user, preferences.checked({PAID: Choice(at_once=True)}, Quiet()))
    let_pass(hours=2)
    inbox.mark_read(bob, Event.objects.filter(channel=f"user:{bob.pk}", kind=PAID).get().position or 0)
    assert [sent.to for sent in run()] == [["alice <alice@shop.example>"]]


@pytest.mark.parametrize(
    ("start", "until", "at", "end"),
    [
        ("22:00", "07:00", "2026-03-01T23:00", "2026-03-02T07:00"),
        ("22:00", "07:00", "2026-03-01T06:59", "2026-03-01T07:00"),
        ("12:00", "13:00", "2026-03-01T12:00", "2026-03-01T13:00"),
        # The night in which the clock is put forward.
        ("22:00", "07:00", "2026-03-28T23:00", "2026-03-29T07:00"),
        # All day: looked at again a day later.
        ("08:00", "08:00", "2026-03-01T07:00", "2026-03-02T08:00"),
    ],
)
def test_the_end_of_quiet_hours_is_on_the_readers_clock(start, until, at, end):
    quiet = Quiet(on=True, start=time.fromisoformat(start), until=time.fromisoformat(until), zone="Europe/Paris")
    moment = datetime.fromisoformat(at).replace(tzinfo=quiet.tzinfo).astimezone(UTC)
    assert quiet.covers(moment)
    assert quiet.end_after(moment) == datetime.fromisoformat(end).replace(tzinfo=quiet.tzinfo)


def test_what_was_mailed_at_once_or_waits_for_it_is_in_no_later_email(alice):
    tell(alice)
    log.append(f"user:{alice.pk}", "order.placed", ORDER | {"buyer": "bob"})
    assert len(run()) == 1
    Event.objects.update(created_at=timezone.now() - timedelta(hours=1))
    mail.outbox.clear()
    call_command("send_digests", stdout=StringIO())
    [digest] = mail.outbox
    assert "bob placed order 7" in digest.body
    assert "Your payment" not in digest.body


def test_without_deliver_the_later_email_has_it(alice):
    tell(alice)
    Event.objects.update(created_at=timezone.now() - timedelta(hours=1))
    call_command("send_digests", stdout=StringIO())
    assert "Your payment for order 7 was received" in mail.outbox[0].body
    assert Digest.objects.get().sent_at


def test_a_mail_server_that_is_down_loses_nothing_and_is_asked_with_growing_pauses(alice, settings):
    with mail_server() as server:
        port = server.port
    send_to(settings, port)
    tell(alice)
    queued()
    assert [sending.send_due_emails(lambda: False) for _ in range(4)] == [1, 2, 4, 8]
    assert rows() == [("alice", False, False)]
    with mail_server() as server:
        send_to(settings, server.port)
        assert sending.send_due_emails(lambda: False) == 0
        assert server.recipients() == ["alice@shop.example"]
        assert server.messages[0]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert sending.send_due_emails(lambda: False) == sending.NEXT_LOOK


def test_a_refused_address_stops_no_other_and_is_given_up_in_the_end(alice, settings, caplog):
    bob = reachable("bob")
    with mail_server() as server:
        send_to(settings, server.port)
        server.refused.add("alice@shop.example")
        tell(alice)
        tell(bob)
        queued()
        for tries in range(1, sending.MOST_TRIES + 1):
            sending.send_due_emails(lambda: False)
            assert server.recipients() == ["bob@shop.example"]
            assert ImmediateEmail.objects.get(user=alice).tries == tries
            sending.send_due_emails(lambda: False)
            assert ImmediateEmail.objects.get(user=alice).tries == tries
            let_pass(minutes=2 ** (tries - 1))
    assert rows() == [("alice", True, False), ("bob", True, True)]
    assert "is given up after 5 tries" in caplog.text


def test_a_claim_keeps_others_out_until_it_has_expired(alice):
    tell(alice)
    queued()
    ImmediateEmail.objects.update(claimed_at=timezone.now())
    assert run() == []
    let_pass(minutes=5)
    [sent] = run()
    assert sent.to == ["alice <alice@shop.example>"]


def test_followers_are_queued_in_chunks_and_a_kill_between_them_repeats_and_skips_none(monkeypatch):
    monkeypatch.setattr(queueing, "FOLLOWERS_AT_ONCE", 3)
    people = [reachable(f"reader-{number}") for number in range(8)]
    for user in people:
        subscriptions.subscribe(user, "shop:1")
    subscriptions.set_muted(people[0], "shop:1", muted=True)
    log.append("shop:1", PAID, ORDER)
    event = Event.objects.get(channel="shop:1")
    saved: list[int] = []

    def save(progress: int) -> None:
        saved.append(progress)
        if len(saved) == 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        queueing.queue_emails(Batch([event], save=save))
    # The chunk whose progress was not stored is not there either.
    assert ImmediateEmail.objects.count() == 3
    queueing.queue_emails(Batch([event], saved[0], save=saved.append))
    queueing.queue_emails(Batch([event], save=saved.append))
    assert sorted(name for name, _settled, _sent in rows()) == [f"reader-{number}" for number in range(1, 8)]


def test_operators_see_why_an_email_was_sent_or_waits(alice):
    tell(alice)
    queued()
    event = Event.objects.get(kind=PAID)

    def said() -> str:
        return why.email(alice, event, preferences.of(alice)).words

    assert said().startswith("to be mailed, not before ")
    assert len(run()) == 1
    assert said().startswith("mailed at once, at ")
    [shown, _quiet] = why.preference(preferences.of(alice), event)
    assert shown.words == "Page: on, Toast: on, Desktop: off, Email: on, Email at once: on"


def test_a_site_without_an_address_sends_none(alice, settings, caplog):
    settings.NOTIFICATIONS_SITE_URL = ""
    tell(alice)
    assert run() == []
    assert rows() == []
    assert "the site's address is not set" in caplog.text
