"""retract_on_delete(): the events of deleted rows, with one announcement for all rows of a deletion."""

import pytest
from django.db import transaction

from blog.models import Follow, Post
from notifications import deletions, inbox, log
from notifications.models import Event
from tests.support.people import person

pytestmark = pytest.mark.django_db(transaction=True)


def publish(author, count: int = 1) -> list[Post]:
    return [Post.objects.create(author=author, title=f"Post {n}", status="published") for n in range(1, count + 1)]


def announced() -> list[list[int]]:
    found = Event.objects.filter(kind="inbox.retracted").order_by("position")
    return [event.data["positions"] for event in found]


def test_a_deletion_of_many_rows_is_announced_once(alice):
    publish(alice, 3)
    Post.objects.filter(title__lte="Post 2").delete()
    assert announced() == [[1, 2]]
    assert [event.position for event in log.read(0)] == [3, 4]


def test_a_deletion_that_is_rolled_back_retracts_nothing_then_or_later(alice):
    post, other = publish(alice, 2)
    with pytest.raises(RuntimeError), transaction.atomic():
        post.delete()
        raise RuntimeError
    assert announced() == []
    other.delete()
    assert announced() == [[2]]


def test_the_audience_counts_events_and_people(alice, bob):
    for reader in (bob, person("carol"), person("dave")):
        Follow.objects.create(follower=reader, author=alice)
    posts = publish(alice, 2)
    keys = list(deletions.keys_of(posts))
    assert keys == [f"post.published:{post.pk}" for post in posts]
    assert deletions.audience(keys) == (2, 3)
    # Who follows since, and who has muted the author, do not have them.
    Follow.objects.create(follower=person("late"), author=alice)
    from notifications import subscriptions

    subscriptions.set_muted(bob, f"author:{alice.pk}", muted=True)
    assert deletions.audience(keys) == (2, 2)
    log.retract(keys[0])
    assert deletions.audience(keys) == (1, 2)
    assert deletions.audience([]) == deletions.audience(["unknown"]) == (0, 0)


def test_an_author_of_many_posts_is_deleted_with_few_announcements(alice, bob, monkeypatch):
    Follow.objects.create(follower=bob, author=alice)
    publish(alice, 30)
    assert inbox.unread_count(bob) == 30
    alice.delete()
    assert [len(positions) for positions in announced()] == [30]
    assert inbox.unread_count(bob) == 0
