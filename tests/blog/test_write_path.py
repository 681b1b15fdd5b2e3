"""A save of a post becomes one row of the log; a follow lets a reader hear it."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from blog import notifiers
from blog.models import Follow, Post
from notifications import inbox, log
from notifications.models import Event, Subscription
from tests.support.people import person

pytestmark = pytest.mark.django_db(transaction=True)


def write(author, **fields) -> Post:
    return Post.objects.create(**{"author": author, "title": "Hello", "status": Post.Status.PUBLISHED, **fields})


def heard() -> list[Event]:
    return [event for event in log.read(0) if not event.kind.startswith("control.")]


def test_a_published_post_is_told_to_the_authors_channel(alice):
    post = write(alice)
    (event,) = heard()
    assert (event.channel, event.kind, event.url) == (f"author:{alice.pk}", "post.published", f"/posts/{post.pk}/")
    assert event.data == {"author": "alice", "title": "Hello"}


def test_a_post_is_told_when_it_becomes_published_and_never_again(alice):
    post = write(alice, status=Post.Status.DRAFT)
    post.title = "Better"
    post.save()
    assert heard() == []
    post.status = Post.Status.PUBLISHED
    post.save(update_fields=["status"])
    post.body = "More"
    post.save()
    post.status = Post.Status.DRAFT
    post.save()
    post.status = Post.Status.PUBLISHED
    post.save()
    assert [event.data["title"] for event in Event.objects.filter(kind="post.published")] == ["Better"]
    assert Post.objects.get().published_at is not None


def test_a_published_post_that_is_corrected_after_pruning_tells_no_one_again(alice):
    post = write(alice)
    log.prune(timedelta(0))
    assert heard() == []
    post.title = "Corrected"
    post.save()
    loaded = Post.objects.get()
    loaded.body = "More"
    loaded.save()
    loaded.save(update_fields=["status"])
    Post.objects.defer("status").get().save()
    # Made from its primary key, as an import does.
    Post(pk=post.pk, author=alice, title="Imported", status=post.status, published_at=post.published_at).save()
    assert heard() == []
    post.status = Post.Status.DRAFT
    post.save()
    assert heard() == []
    # Its key has been forgotten, and it is published once more.
    post.status = Post.Status.PUBLISHED
    post.save()
    assert [event.data["title"] for event in heard()] == ["Corrected"]


def test_a_post_is_one_row_however_many_follow(alice):
    for name in ("bob", "carol", "dave"):
        Follow.objects.create(follower=person(name), author=alice)
    before = Event.objects.count()
    write(alice)
    assert Event.objects.count() == before + 1
    assert all(inbox.unread_count(follow.follower) == 1 for follow in Follow.objects.all())


def test_a_follower_hears_only_what_comes_after(alice, bob):
    write(alice, title="Before")
    Follow.objects.create(follower=bob, author=alice)
    write(alice, title="After")
    assert [item.data["title"] for item in inbox.items(bob)] == ["After"]


def test_whoever_ceases_to_follow_hears_nothing_more(alice, bob):
    follow = Follow.objects.create(follower=bob, author=alice)
    write(alice)
    follow.delete()
    write(alice)
    assert not inbox.items(bob).exists()
    assert not Subscription.objects.filter(channel=f"author:{alice.pk}").exists()


def test_deleting_an_author_ends_the_follows_with_their_subscriptions(alice, bob):
    Follow.objects.create(follower=bob, author=alice)
    alice.delete()
    assert not Subscription.objects.filter(user=bob, channel__startswith="author:").exists()


def test_a_post_that_is_unpublished_leaves_the_inbox_and_publishing_it_again_tells_no_one_twice(alice, bob):
    Follow.objects.create(follower=bob, author=alice)
    post, other = write(alice, title="One"), write(alice, title="Two")
    assert inbox.unread_count(bob) == 2
    post.status = Post.Status.DRAFT
    post.save()
    assert [item.data["title"] for item in inbox.items(bob)] == ["Two"]
    assert inbox.unread_count(bob) == 1
    for status in (Post.Status.PUBLISHED, Post.Status.DRAFT):
        post.status = status
        post.save()
    assert Event.objects.filter(kind="post.published").count() == 2
    assert Event.objects.filter(kind="inbox.retracted").count() == 1
    other.delete()
    assert inbox.unread_count(bob) == 0


def test_posts_unpublished_by_update_are_retracted_by_the_documented_call(alice, bob):
    Follow.objects.create(follower=bob, author=alice)
    posts = [write(alice, title=title) for title in ("One", "Two")]
    Post.objects.update(status=Post.Status.DRAFT)
    assert inbox.unread_count(bob) == 2
    notifiers.PostPublished.retract(*posts)
    assert inbox.unread_count(bob) == 0


def test_a_deleted_authors_posts_are_retracted_while_followers_still_receive_it(alice, bob):
    Follow.objects.create(follower=bob, author=alice)
    write(alice)
    channel = f"author:{alice.pk}"
    alice.delete()
    (retraction,) = Event.objects.filter(channel=channel, kind="inbox.retracted")
    (left,) = Event.objects.filter(channel=f"control:{bob.pk}", kind="control.unsubscribed")
    assert (retraction.position or 0) < (left.position or 0)
    assert not inbox.items(bob).exists()


def test_posts_made_in_bulk_are_told_by_the_documented_call(alice):
    Post.objects.bulk_create([Post(author=alice, title=title) for title in ("One", "Two")])
    Post.objects.update(status=Post.Status.PUBLISHED, published_at=timezone.now())
    assert heard() == []
    notifiers.PostPublished.notify(*Post.objects.order_by("pk"))
    assert [event.data["title"] for event in heard()] == ["One", "Two"]


def test_a_rolled_back_post_leaves_no_trace(alice):
    with pytest.raises(RuntimeError), transaction.atomic():
        write(alice)
        raise RuntimeError
    assert not Event.objects.exists()


def test_the_database_holds_what_must_hold(alice, bob):
    Follow.objects.create(follower=bob, author=alice)
    with pytest.raises(IntegrityError), transaction.atomic():
        Follow.objects.create(follower=bob, author=alice)
    with pytest.raises(IntegrityError), transaction.atomic():
        Follow.objects.create(follower=alice, author=alice)
    with pytest.raises(IntegrityError), transaction.atomic():
        write(alice, title="")
    with pytest.raises(IntegrityError), transaction.atomic():
        Post.objects.bulk_create([Post(author=alice, title="No time", status=Post.Status.PUBLISHED)])
