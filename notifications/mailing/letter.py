"""The email about one event: in the reader's language, with a one-click unsubscribe link."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation

from notifications import conf
from notifications.digests.message import addressed, quoted, unsubscribe_url_of
from notifications.models import Event
from notifications.preferences import Preferences

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser


def compose_letter(
    user: "AbstractBaseUser", chosen: Preferences, event: Event, epoch: str, connection: BaseEmailBackend
) -> EmailMultiAlternatives:
    """Returns the email about the event, to be sent over this connection.

    epoch: of the log. With the position it makes the Message-ID, so that an email that is sent twice is one to mail programs.
    """
    site = conf.site_url()
    with translation.override(chosen.language or settings.LANGUAGE_CODE):
        context = {
            "title": event.title,
            "body": event.body,
            "name": user.get_username(),
            "link": site + (event.link or reverse("notifications:inbox")),
            "settings_url": site + reverse("notifications:preferences"),
            "unsubscribe_url": unsubscribe_url_of(user),
            "language": translation.get_language(),
        }
        text, html = (render_to_string(f"notifications/letter.{form}", context) for form in ("txt", "html"))
    message_id = f"event.{quoted(user.pk)}.{epoch}.{event.position}"
    # A header has one line; Django refuses any other.
    return addressed(user, " ".join(event.title.split()), (text, html), message_id, connection)
