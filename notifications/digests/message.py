"""The email of a digest: in the reader's language and time zone, grouped by day, with a one-click unsubscribe link."""

from email.utils import formataddr
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

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
# Events of one email; the others are counted in its last line.
LINES = 20


def compose(
    user: "AbstractBaseUser",
    chosen: Preferences,
    events: list[Event],
    span: tuple[int, int],
    connection: BaseEmailBackend,
) -> EmailMultiAlternatives:
    """Returns the email about these events, newest first, to be sent over this connection.

    span: the positions after which and up to which the digest covers the log. They make the Message-ID, so that a
    digest that is sent twice is one email to mail programs.
    """
    site = conf.site_url()
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
            "unsubscribe_url": unsubscribe_url_of(user),
            "language": translation.get_language(),
        }
        subject = ngettext(
            "%(label)s notification you have not read", "%(label)s notifications you have not read", len(events)
        ) % {"label": context["label"]}
        text, html = (render_to_string(f"notifications/digest.{form}", context) for form in ("txt", "html"))
    return addressed(user, subject, (text, html), f"digest.{quoted(user.pk)}.{span[0]}.{span[1]}", connection)


def addressed(
    user: "AbstractBaseUser", subject: str, forms: tuple[str, str], message_id: str, connection: BaseEmailBackend
) -> EmailMultiAlternatives:
    """Returns an email to a person. forms: its plain text and its HTML. message_id: the part before the @."""
    site = conf.site_url()
    message = EmailMultiAlternatives(
        subject,
        forms[0],
        to=[formataddr((user.get_username(), address_of(user)))],
        connection=connection,
        headers={
            # Mail programs unsubscribe with one click (RFC 8058), and no machine answers (RFC 3834).
            "List-Unsubscribe": f"<{unsubscribe_url_of(user)}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Auto-Submitted": "auto-generated",
            "Message-ID": f"<{message_id}@{urlsplit(site).hostname}>",
        },
    )
    message.attach_alternative(forms[1], "text/html")
    return message


def quoted(user_id: Any) -> str:
    """Returns a primary key as it can stand in a Message-ID."""
    return quote(str(user_id), safe="")


def unsubscribe_url_of(user: "AbstractBaseUser") -> str:
    """Returns the address at which one POST ends all email to a person."""
    return conf.site_url() + reverse("notifications:unsubscribe", args=[token(user)])


def more_than_listed(count: int) -> str:
    """Returns the number of events that the email leaves out, as "79+" past the cap; empty where there are none."""
    if count <= LINES:
        return ""
    return f"{inbox.CAP - LINES}+" if count > inbox.CAP else str(count - LINES)


def address_of(user: Any) -> str:
    """Returns a person's email address; empty where there is none."""
    return str(getattr(user, user.get_email_field_name(), "") or "")


def token(user: "AbstractBaseUser") -> str:
    """Returns the signed name of a person in the unsubscribe link. It does not expire, because emails are kept."""
    return signing.dumps(str(user.pk), salt=SALT)


def user_id_of(unsubscribe_token: str) -> str | None:
    """Returns the primary key of the person whom token() named; None where the signature is wrong."""
    try:
        return str(signing.loads(unsubscribe_token, salt=SALT))
    except signing.BadSignature:
        return None
