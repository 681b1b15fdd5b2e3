"""Receivers that turn "this save matters" into a call of a notifier."""

from typing import Any

from django.db.models.signals import post_delete, post_save

from blog import notifiers
from blog.models import Follow, Post


def connect() -> None:
    """Connects the receivers; called once, when the app is ready."""
    post_save.connect(tell_of_post, sender=Post, dispatch_uid="blog.tell_of_post")
    post_save.connect(subscribe_follower, sender=Follow, dispatch_uid="blog.subscribe_follower")
    post_delete.connect(unsubscribe_follower, sender=Follow, dispatch_uid="blog.unsubscribe_follower")


def tell_of_post(
    sender: Any, instance: Post, *, raw: bool, update_fields: frozenset[str] | None, **kwargs: Any
) -> None:
    """A post that is saved as published is told; the log knows whether it was already."""
    if not raw and instance.is_published and (update_fields is None or "status" in update_fields):
        notifiers.post_published(instance)


def subscribe_follower(sender: Any, instance: Follow, *, created: bool, raw: bool, **kwargs: Any) -> None:
    """Whoever begins to follow hears the author from now on."""
    if created and not raw:
        notifiers.author_followed(instance)


def unsubscribe_follower(sender: Any, instance: Follow, **kwargs: Any) -> None:
    """Whoever ceases to follow hears the author no longer."""
    notifiers.author_unfollowed(instance.follower, instance.author_id)
