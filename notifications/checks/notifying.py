"""Notifiers: models whose rows and events are not one transaction."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Warning  # noqa: A004  Django's own name

from notifications.models import AtomicSaves
from notifications.notifiers.notifier import connected_notifiers


def check_notifiers(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Reports notifiers whose rows and events are not one transaction."""
    return [
        Warning(
            f"{each.__name__} notifies of {each.model.__name__}, which is no AtomicSaves: a crash after a save loses its event.",
            hint="Derive the model from notifications.models.AtomicSaves, or save it within transaction.atomic().",
            obj=each.model,
            id="notifications.W021",
        )
        for each in connected_notifiers()
        if each.when != () and not issubclass(each.model, AtomicSaves)
    ]
