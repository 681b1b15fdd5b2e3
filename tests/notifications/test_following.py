"""Following an object: its channel, its followers, and strangers."""

import pytest

from blog.models import Post
from notifications import inbox, log, subscriptions

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_event_of_an_object_reaches_its_followers_from_then_on_and_no_stranger(alice, bob, charlie):
    post = Post.objects.create(author=alice, title="One")
    channel = subscriptions.object_channel(post)
    log.append(channel, "post.discussed")
    assert subscriptions.follow(bob, post)
    assert not subscriptions.follow(bob, post)
    log.append(channel, "post.discussed")
    assert inbox.unread_count(bob) == 1
    assert inbox.unread_count(charlie) == 0
    assert subscriptions.can_read(bob, channel)
    assert not subscriptions.can_read(charlie, channel)
    assert subscriptions.unfollow(bob, post)
    assert not subscriptions.unfollow(bob, post)
    assert inbox.unread_count(bob) == 0
    assert not subscriptions.can_read(bob, channel)


def test_a_channel_is_the_same_for_a_proxy_and_for_deferred_rows(alice):
    class Draft(Post):
        class Meta:
            proxy = True
            app_label = "blog"

    post = Post.objects.create(author=alice, title="One")
    names = {subscriptions.object_channel(row) for row in (post, Post.objects.only("pk").get(), Draft(pk=post.pk))}
    assert names == {f"blog.post:{post.pk}"}


def test_a_row_that_is_not_saved_has_no_channel(alice):
    with pytest.raises(ValueError, match="once it is saved"):
        subscriptions.object_channel(Post(author=alice))
