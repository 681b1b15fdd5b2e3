"""Template context of every page: for the badge, the stream and the lines of lists."""

import json
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from notifications import conf, inbox, kinds, preferences


def notifications(request: HttpRequest) -> dict[str, Any]:
    """Adds `notifications`: the values that base.html, the navigation and each line of a list need; None if anonymous."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"notifications": None}

    def state() -> dict[str, Any]:
        cursor, chosen, epoch = (getattr(request, name, None) for name in ("cursor", "preferences", "epoch"))
        if cursor is None or chosen is None or epoch is None:
            cursor, chosen, epoch = preferences.look(user)
        unread = inbox.unread_count(user, silenced=chosen.silenced)
        return {
            "unread": unread,
            "unread_label": inbox.unread_label(unread),
            "cursor": cursor,
            "epoch": epoch,
            # As on the stream: for a script that opens the stream itself, from where the page is.
            "last_event_id": f"{epoch}-{cursor}" if epoch else str(cursor),
            # With the page's language: a stream in a shared worker outlives the language cookie of the page.
            "stream_url": f"{reverse('notifications:stream')}?language={get_language()}",
            "ping_seconds": conf.ping_seconds(),
            "api_url": reverse("notifications_api:api-root"),
            # Resolved once: on a page of fifty lines, template tags would resolve each of these fifty times.
            "inbox_url": reverse("notifications:inbox"),
            "change_url": reverse("notifications:change"),
            "icons_url": static("notifications/icons.svg"),
            "words": {"read": _("Mark as read"), "unread": _("Mark as unread"), "dismiss": _("Dismiss")},
            "kinds": kinds.names(),
            "user_id": user.pk,
            "preferences_json": json.dumps(chosen.as_json(), separators=(",", ":")),
        }

    # Lazy: pages without a badge (the admin's) need no query.
    return {"notifications": SimpleLazyObject(state)}
