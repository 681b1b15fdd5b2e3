"""What every page needs for its badge and its stream."""

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
    """Adds `notifications`, None for anonymous readers.

    It has what base.html puts on <body> and into the navigation, and what each line of a list needs.
    """
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"notifications": None}

    def state() -> dict[str, Any]:
        cursor, chosen = getattr(request, "cursor", None), getattr(request, "preferences", None)
        if cursor is None or chosen is None:
            cursor, chosen = preferences.look(user)
        unread = inbox.unread_count(user, silenced=chosen.silenced)
        return {
            "unread": unread,
            "unread_label": inbox.unread_label(unread),
            "cursor": cursor,
            # Its language is the page's: the stream may live in a worker, longer than the cookie that said it.
            "stream_url": f"{reverse('notifications:stream')}?language={get_language()}",
            "ping_seconds": conf.ping_seconds(),
            "api_url": reverse("api:api-root"),
            # Once here: on a page of fifty lines, tags in the template would look each of these up fifty times.
            "inbox_url": reverse("notifications:inbox"),
            "change_url": reverse("notifications:change"),
            "icons_url": static("notifications/icons.svg"),
            "words": {"read": _("Mark as read"), "unread": _("Mark as unread"), "dismiss": _("Dismiss")},
            "kinds": kinds.names(),
            "user_id": user.pk,
            "preferences_json": json.dumps(chosen.as_json(), separators=(",", ":")),
        }

    # Lazy: pages without a badge (the admin's) ask nothing of the database.
    return {"notifications": SimpleLazyObject(state)}
