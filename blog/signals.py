"""Receivers that turn "this save matters" into a call of a notifier."""

from typing import Any

from django.db.models.signals import post_delete, post_save

from blog import notifiers
from blog.models import Follow, Post
from notifications import saves


def connect() -> None:
    """Connects the receivers; called once, when the app is ready."""
    saves.call_on_change(Post, "status", tell_of_post)
    post_save.connect(subscribe_follower, sender=Follow, dispatch_uid="blog.subscribe_follower")
    post_delete.connect(unsubscribe_follower, sender=Follow, dispatch_uid="blog.unsubscribe_follower")


def tell_of_post(post: Post, before: str | None) -> None:
    """Notifies the followers of a post that becomes published; correcting a published one does not."""
    if post.is_published:
        notifiers.post_published(post)


def subscribe_follower(sender: Any, instance: Follow, *, created: bool, raw: bool, **kwargs: Any) -> None:
    """Whoever begins to follow hears the author from now on."""
    if created and not raw:
        notifiers.author_followed(instance)


def unsubscribe_follower(sender: Any, instance: Follow, **kwargs: Any) -> None:
    """Whoever ceases to follow hears the author no longer."""
    notifiers.author_unfollowed(instance.follower, instance.author_id)
