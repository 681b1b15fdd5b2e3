"""The fixtures that other sites test with, on this one."""

import pytest
from django.db import transaction
from django.utils import translation

from blog.models import Follow, Post
from notifications import log, subscriptions
from notifications.testing import Notification
from orders import payments
from tests.support.people import order, person, product

pytestmark = pytest.mark.django_db


def test_one_post_is_one_notification_to_all_who_hear_it(notified):
    alice, bob, charlie, dora = (person(name) for name in ("alice", "bob", "charlie", "dora"))
    for follower in (bob, charlie, dora):
        Follow.objects.create(follower=follower, author=alice)
    subscriptions.set_muted(charlie, f"author:{alice.pk}", muted=True)
    dora.is_active = False
    dora.save()
    notified.clear()
    post = Post.objects.create(author=alice, title="Hello", status=Post.Status.PUBLISHED)
    assert notified() == [
        Notification(
            channel=f"author:{alice.pk}",
            kind="post.published",
            data={"author": "alice", "title": "Hello"},
            title="alice published a new post: Hello",
            body="",
            url=post.get_absolute_url(),
            recipients=frozenset({"bob"}),
        )
    ]


def test_a_rule_of_the_domain_makes_recipients_too(notified):
    seller, buyer = person("alice"), person("bob")
    person("charlie")
    placed = order(buyer, product(seller))
    assert [(told.kind, told.recipients) for told in notified()] == [("order.placed", {"alice"})]
    payments.expire(placed)
    assert len(notified()) == 1
    type(placed).objects.filter(pk=placed.pk).update(expires_at=placed.placed_at)
    placed.refresh_from_db()
    payments.expire(placed)
    told = {(each.channel.partition(":")[0], each.kind, each.recipients) for each in notified()[1:]}
    assert told == {
        ("seller", "order.expired", frozenset({"alice"})),
        ("user", "payment.expired", frozenset({"bob"})),
        ("order", "payment.expired", frozenset({"bob"})),
        ("order", "finish", frozenset({"bob"})),
    }


def test_texts_are_in_the_active_language(notified):
    log.append(
        "user:1", "order.paid", {"buyer": "bob", "number": 7, "product": "Mug", "amount": "1", "currency": "EUR"}
    )
    with translation.override("zh-hans"):
        (told,) = notified()
    assert "bob" in told.title
    assert told.title != "bob paid order 7"


def test_what_is_rolled_back_was_not_notified(notified):
    with pytest.raises(RuntimeError), transaction.atomic():
        log.append("user:1", "lost")
        raise RuntimeError
    log.append("user:1", "kept")
    assert [told.kind for told in notified()] == ["kept"]


def test_asking_before_the_commit_is_an_error_and_not_an_empty_answer(notified):
    with transaction.atomic():
        log.append("user:1", "early")
        with pytest.raises(AssertionError, match="within a transaction"):
            notified()
    assert [told.kind for told in notified()] == ["early"]


def test_a_failing_robust_callback_does_not_keep_the_others_from_running(notified, caplog):
    ran = []
    transaction.on_commit(lambda: 1 / 0, robust=True)
    transaction.on_commit(lambda: ran.append(1))
    assert notified() == []
    assert ran == [1]
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_the_tests_own_commits_are_seen(notified):
    with transaction.atomic():
        log.append("user:1", "committed")
    assert [told.kind for told in notified()] == ["committed"]


def test_a_stream_of_the_project_tells_what_the_test_saves(sse_client):
    alice, bob = person("alice"), person("bob")
    heard, other = sse_client(alice), sse_client(bob)
    placed = order(bob, product(alice))
    event = heard.wait_for(lambda event: event.event == "order.placed")
    assert event.json()["data"]["number"] == placed.number
    paying = sse_client(bob, f"/orders/{placed.number}/events/")
    assert paying.status == 200
    assert not [event for event in other.events if event.event == "order.placed"]
    assert sse_client(alice, f"/orders/{placed.number}/events/").status == 404
    assert sse_client(None).status == 204
