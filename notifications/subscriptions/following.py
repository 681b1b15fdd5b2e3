"""Subscriptions to objects: "follow this order", "follow this thread"."""

from typing import TYPE_CHECKING

from django.db.models import Model

from notifications.subscriptions.subscribing import subscribe, unsubscribe

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser


def object_channel(row: Model) -> str:
    """Returns the channel of a row of any model: "orders.order:12". Raises ValueError for a row that is not saved."""
    if row.pk is None:
        raise ValueError(f"a row has a channel once it is saved: {row!r}")
    # Of a proxy model and of a row with deferred fields it is the same channel.
    model = row._meta.concrete_model or type(row)
    return f"{model._meta.label_lower}:{row.pk}"


def follow(user: "AbstractBaseUser", row: Model) -> bool:
    """Subscribes a person to a row's channel from now on; True if the person did not follow it.

    A subscription is the permission to read the channel: ask first whether the person may see the row.
    """
    return subscribe(user, object_channel(row))


def unfollow(user: "AbstractBaseUser", row: Model) -> bool:
    """Ends what follow() began; True if the person followed the row."""
    return unsubscribe(user, object_channel(row))
