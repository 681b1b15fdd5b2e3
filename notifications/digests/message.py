"""The email itself: in the reader's language and time zone, bundled by day, with a way out that takes one click."""

from email.utils import formataddr
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import signing
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import ngettext

from notifications import conf, inbox
from notifications.inbox import groups
from notifications.models import Event
from notifications.preferences import Preferences

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser


SALT = "notifications.unsubscribe"
# Lines of one email; the rest is in the inbox.
LINES = 20


def compose(
    user: "AbstractBaseUser",
    chosen: Preferences,
    events: list[Event],
    span: tuple[int, int],
    connection: BaseEmailBackend,
) -> EmailMultiAlternatives:
    """Returns the email about these events, newest first, to be sent over this connection.

    span: the positions after and up to which it tells; the same span is the same email, should it come twice.
    """
    site, way_out = conf.site_url(), f"{conf.site_url()}{reverse('notifications:unsubscribe', args=[token(user)])}"
    with translation.override(chosen.language or settings.LANGUAGE_CODE), timezone.override(chosen.quiet.tzinfo):
        days = groups.by_day(events[:LINES], with_today=False)
        context = {
            "days": days,
            "label": inbox.unread_label(len(events)),
            "more": more_than_listed(len(events)),
            "name": user.get_username(),
            "site": site,
            "inbox_url": site + reverse("notifications:inbox"),
            "settings_url": site + reverse("notifications:preferences"),
            "unsubscribe_url": way_out,
            "language": translation.get_language(),
        }
        subject = ngettext(
            "%(label)s notification you have not read", "%(label)s notifications you have not read", len(events)
        ) % {"label": context["label"]}
        text, html = (render_to_string(f"notifications/digest.{form}", context) for form in ("txt", "html"))
    message = EmailMultiAlternatives(
        subject,
        text,
        to=[formataddr((user.get_username(), address_of(user)))],
        connection=connection,
        headers={
            # One click, in the mail program itself (RFC 8058), and no answer from machines (RFC 3834).
            "List-Unsubscribe": f"<{way_out}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Auto-Submitted": "auto-generated",
            "Message-ID": f"<digest.{user.pk}.{span[0]}.{span[1]}@{urlsplit(site).hostname}>",
        },
    )
    message.attach_alternative(html, "text/html")
    return message


def more_than_listed(count: int) -> str:
    """How many there are beyond the lines, as far as they were counted; empty where there are none."""
    if count <= LINES:
        return ""
    return f"{inbox.CAP - LINES}+" if count > inbox.CAP else str(count - LINES)


def address_of(user: Any) -> str:
    """A person's email address; empty where there is none."""
    return str(getattr(user, user.get_email_field_name(), "") or "")


def token(user: "AbstractBaseUser") -> str:
    """What names a person in the way out: signed, and good for as long as the email is kept."""
    return signing.dumps(str(user.pk), salt=SALT)


def user_id_of(given: str) -> str | None:
    """Whose way out it is; None where it is not of our making."""
    try:
        return str(signing.loads(given, salt=SALT))
    except signing.BadSignature:
        return None
