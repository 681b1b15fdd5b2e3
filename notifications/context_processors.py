"""What every page needs for its badge and its stream."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from notifications import inbox, kinds, log


def notifications(request: HttpRequest) -> dict[str, Any]:
    """Adds `notifications`: unread, unread_label, cursor, stream_url, kinds; None for anonymous readers."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"notifications": None}

    def state() -> dict[str, Any]:
        cursor = getattr(request, "cursor", None)
        cursor = log.head() if cursor is None else cursor
        unread = inbox.unread_count(user)
        return {
            "unread": unread,
            "unread_label": inbox.unread_label(unread),
            "cursor": cursor,
            "stream_url": reverse("notifications:stream"),
            "kinds": kinds.names(),
        }

    # Lazy: pages without a badge (the admin's) ask nothing of the database.
    return {"notifications": SimpleLazyObject(state)}
