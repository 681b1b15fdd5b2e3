"""Signal receivers: a follow begins and ends a subscription, and a deleted author takes the events of all posts along."""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db.models.signals import post_delete, post_save, pre_delete

from blog import notifiers
from blog.models import Follow


def connect() -> None:
    """Connects the receivers; AppConfig.ready() calls this once."""
    pre_delete.connect(withdraw_author, sender=get_user_model(), dispatch_uid="blog.withdraw_author")
    post_save.connect(subscribe_follower, sender=Follow, dispatch_uid="blog.subscribe_follower")
    post_delete.connect(unsubscribe_follower, sender=Follow, dispatch_uid="blog.unsubscribe_follower")


def withdraw_author(sender: Any, instance: AbstractBaseUser, **kwargs: Any) -> None:
    """Retracts the events of an author who is deleted, before the follows end, while the followers still receive it."""
    notifiers.author_withdrawn(instance)


def subscribe_follower(sender: Any, instance: Follow, *, created: bool, raw: bool, **kwargs: Any) -> None:
    """Subscribes a new follower to the author's channel."""
    if created and not raw:
        notifiers.author_followed(instance)


def unsubscribe_follower(sender: Any, instance: Follow, **kwargs: Any) -> None:
    """Ends the subscription of a former follower."""
    notifiers.author_unfollowed(instance.follower, instance.author_id)
