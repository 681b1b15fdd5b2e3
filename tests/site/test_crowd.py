"""Followers made in bulk are followers like any other, and a post costs as much as with one of them."""

import pytest
from django.contrib.auth.models import User

from blog.models import Follow, Post
from blog.notifiers import author_channel
from config import crowd
from notifications import inbox, log
from notifications.models import Event, Subscription
from tests.support.people import person

pytestmark = pytest.mark.django_db(transaction=True)


def publish(author: User) -> None:
    Post.objects.create(author=author, title="What is new", status=Post.Status.PUBLISHED)


def test_followers_made_in_bulk_hear_of_the_next_post_and_of_none_before(alice, monkeypatch):
    monkeypatch.setattr(crowd, "BATCH", 3)
    publish(alice)
    assert list(crowd.make_followers(alice, 7)) == [3, 3, 1]
    events = Event.objects.count()
    publish(alice)
    assert Event.objects.count() == events + 1
    followers = User.objects.filter(following__author=alice)
    assert sorted(follower.username for follower in followers) == [f"follower-{number}" for number in range(1, 8)]
    for follower in followers:
        assert inbox.unread_count(follower) == 1
        assert not follower.has_usable_password()


def test_making_them_again_changes_nothing_and_adds_those_that_are_missing(alice):
    bob = person("follower-2")
    Follow.objects.create(follower=bob, author=alice)
    list(crowd.make_followers(alice, 3))
    publish(alice)
    inbox.mark_all_read(bob)
    rows = list(Subscription.objects.order_by("pk").values())
    list(crowd.make_followers(alice, 4))
    assert list(Subscription.objects.order_by("pk").values())[: len(rows)] == rows
    assert Follow.objects.filter(author=alice).count() == 4
    assert Subscription.objects.filter(channel=author_channel(alice.pk)).count() == 4
    assert User.objects.filter(username="follower-2").get() == bob
    assert Subscription.objects.get(user__username="follower-4").since == log.head()
