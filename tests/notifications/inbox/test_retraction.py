"""No reader shows a retracted event: inbox, count, groups, emails, API, pages of clients that poll, retention, "why"."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.management import call_command
from django.utils import timezone
from django_eventstream.utils import get_storage

from notifications import inbox, log, subscriptions
from notifications.inbox import groups, retention
from notifications.models import Event, Reading
from notifications.monitoring import why

pytestmark = pytest.mark.django_db(transaction=True)
ORDER = {"number": 7, "buyer": "bob", "product": "Mug", "amount": "12.00", "currency": "EUR"}


@pytest.fixture
def told(alice):
    """Four events of a day and a channel; the third of them will be retracted."""
    User.objects.filter(pk=alice.pk).update(email="alice@shop.example")
    channel = f"seller:{alice.pk}"
    log.append_all(
        Event(channel=channel, kind="order.placed", data={**ORDER, "number": n}, url=f"/orders/{n}/", key=str(n))
        for n in range(1, 5)
    )
    Event.objects.update(created_at=timezone.now() - timedelta(hours=1))
    return channel


def numbers(events) -> list[int]:
    return [event.data["number"] for event in events]


def test_a_retracted_event_is_in_no_inbox_count_or_group(alice, told):
    assert inbox.unread_count(alice) == 4
    log.retract("3")
    assert numbers(inbox.items(alice)) == numbers(inbox.page(alice)[0]) == [4, 2, 1]
    assert numbers(inbox.page(alice, unread_only=True, before=4)[0]) == [2, 1]
    assert inbox.unread_count(alice) == 3
    (day,) = groups.by_day(inbox.page(alice)[0], with_today=False)
    assert [line.title for line in day.lines] == ["3 new orders"]
    log.retract("4", "2", "1")
    assert (inbox.page(alice), inbox.unread_count(alice)) == (([], None), 0)


def test_what_was_made_unread_again_leaves_the_count_too(alice, told):
    inbox.mark_all_read(alice)
    inbox.change(alice, [3], Reading.State.UNREAD)
    assert inbox.unread_count(alice) == 1
    log.retract("3")
    assert inbox.unread_count(alice) == 0


def test_a_retracted_event_cannot_be_marked_or_opened(client, alice, told):
    log.retract("3")
    assert inbox.mark_read(alice, 3) is None
    for state in Reading.State:
        assert inbox.change(alice, [3], state) == []
    client.force_login(alice)
    assert client.post("/notifications/3/read/").status_code == 404


def test_a_retracted_event_is_not_mailed(alice, told):
    log.retract("3")
    call_command("send_digests")
    (email,) = mail.outbox
    assert "3 new orders" in email.body
    mail.outbox.clear()
    log.append(told, "order.placed", ORDER, key="late")
    Event.objects.update(created_at=timezone.now() - timedelta(hours=2))
    log.retract("late")
    call_command("send_digests")
    assert mail.outbox == []


def test_who_has_retracted_events_alone_is_not_even_looked_at_for_an_email(alice, told):
    from notifications.digests import sending

    assert sending.due() == [alice.pk]
    log.retract("1", "2", "3", "4")
    assert sending.due() == []


def test_the_api_shows_no_retracted_event_and_clients_that_poll_receive_the_retraction(client, alice, told):
    log.retract("3")
    client.force_login(alice)
    page = client.get("/api/inbox").json()
    assert ([item["id"] for item in page["items"]], page["unread"]) == ([4, 2, 1], 3)
    polled = client.get("/api/events?after=0").json()
    assert [(item["id"], item["kind"]) for item in polled["items"]] == [
        *((position, "order.placed") for position in (1, 2, 4)),
        (5, "inbox.retracted"),
    ]
    assert polled["items"][-1]["data"] == {"positions": [3]}
    assert polled["cursor"] == 5
    assert client.get("/api/events?after=0&limit=3").json()["cursor"] == 4


def test_the_retraction_goes_to_those_who_read_the_channel_and_to_no_stranger(client, alice, bob, told):
    log.retract("3")
    client.force_login(bob)
    assert client.get("/api/events?after=0").json()["items"] == []
    assert not subscriptions.can_read(bob, told)


def test_eventstreams_own_storage_leaves_it_out(told):
    log.retract("3")
    assert [event.id for event in get_storage().get_events(told, 0)] == [1, 2, 4, 5]


def test_a_retracted_event_is_not_kept_for_those_who_have_not_read_it(alice, told):
    log.retract("3")
    Event.objects.update(created_at=timezone.now() - timedelta(days=10))
    assert retention.prune_events(timedelta(days=5), timedelta(days=20)).spared == 3
    assert not Event.objects.filter(key="3").exists()


def test_why_says_that_it_was_retracted(alice, told):
    event = Event.objects.get(key="3")
    assert "Retracted" not in [answer.question for answer in why.explain(alice, event)]
    log.retract("3")
    event.refresh_from_db()
    answers = {answer.question: answer for answer in why.explain(alice, event)}
    assert answers["Retracted"].passes is False
    assert "left inboxes" in answers["Retracted"].words
    assert answers["Inbox"][1:] == (False, "not in it")
