"""Sends the digests that are due, each once, however many runs there are at a time.

A run claims a person's row, sends the email, and then stores the position up to which the email covers the log. A run
that is killed between the last two steps leaves its claim behind; once the claim is older than LEASE, the next run sends
that email again. So no email is lost, and a killed run repeats at most one (with the same Message-ID, by which mail
programs drop the second).
"""

import logging
import smtplib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

import django
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.db.models import Exists, F, OuterRef, Q, Value
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from notifications import conf, inbox, kinds, log, preferences
from notifications.digests import message
from notifications.models import Digest, Event, ImmediateEmail, Subscription
from notifications.preferences import Preferences

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser


logger = logging.getLogger(__name__)

# An older claim was left behind by a run that was killed: sending one email takes seconds. A person whose email the mail
# server refused is tried again after the same time.
LEASE = timedelta(minutes=15)


class MailServerDown(Exception):
    """The mail server cannot be reached, or has hung up: the people who are left are for the next run."""


class Outcome(Enum):
    """The result of a run for one person."""

    SENT = "sent"
    # Not due yet, or not any more.
    WAITS = "waits"
    # By the mail server.
    REFUSED = "refused"
    # Another run has claimed this person, or was killed a moment ago, or the mail server refused this person lately.
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class Pending:
    """The events for one digest, newest first."""

    events: list[Event]
    # There are no others up to this position of the log.
    through: int


def due(now: datetime | None = None) -> list[Any]:
    """Returns the primary keys of people with an address who may be due an email: an event has been unread long enough.

    send() reads their preferences, one person at a time.
    """
    now = now or timezone.now()
    address = f"user__{get_user_model().get_email_field_name()}"
    news = Event.objects.filter(
        channel=OuterRef("channel"), position__gt=OuterRef("past"), created_at__range=news_window(now)
    )
    mailed_lately = Q(user__notification_digest__sent_at__gt=now - conf.digest_pause())
    return list(
        Subscription.objects.filter(muted=False)
        .annotate(
            mailed=Coalesce(F("user__notification_digest__through"), Value(0)),
            past=Greatest("read_through", "mailed", Value(news_since(now))),
        )
        .filter(Exists(news.filter(retracted_at=None).exclude(kind__in=kinds.unlisted_names())))
        .exclude(Q(**{address: ""}) | Q(**{f"{address}__isnull": True}) | mailed_lately)
        .order_by("user_id")
        .values_list("user_id", flat=True)
        .distinct()
    )


def news_window(now: datetime) -> tuple[datetime, datetime]:
    """The time within which an event is old enough to be mailed, and still news: its first and last moment."""
    return now - timedelta(days=conf.digest_days()), now - conf.digest_after()


def news_since(now: datetime) -> int:
    """Returns the position up to which all events are too old to be mailed: the log need not be read from its start."""
    recent = Event.objects.filter(created_at__gte=news_window(now)[0], position__isnull=False)
    # By age, for which there is an index. Positions follow ages nearly everywhere; a few exceptions do not matter.
    first = recent.order_by("created_at").values_list("position", flat=True).first()
    return log.head() if first is None else first - 1


def send_all(user_ids: list[Any], now: datetime | None = None) -> Iterator[Outcome]:
    """Sends these people the digests that are due to them, and yields the outcome for each.

    Raises MailServerDown at the first failure of the mail server; the remaining people stay due.
    """
    connection = default_mailer()
    try:
        connection.open()
    except (OSError, smtplib.SMTPException) as error:
        raise MailServerDown(str(error) or type(error).__name__) from error
    try:
        for user_id in user_ids:
            yield send(user_id, connection, now or timezone.now())
    finally:
        connection.close()


def default_mailer() -> BaseEmailBackend:
    """Returns the site's mailer: of MAILERS since Django 6.1, else of the EMAIL_ settings."""
    return mail.mailers.default if django.VERSION >= (6, 1) else mail.get_connection()


def send(user_id: Any, connection: BaseEmailBackend, now: datetime) -> Outcome:
    """Sends one person's digest if it is due and no other run has claimed it. Raises MailServerDown."""
    user = get_user_model().objects.filter(pk=user_id).first()
    if user is None:
        return Outcome.WAITS
    row, _created = Digest.objects.get_or_create(user_id=user_id)
    free = Q(claimed_at=None) | Q(claimed_at__lt=now - LEASE)
    # With the position: another run may have sent a digest after we read the row and before we claim it.
    if not Digest.objects.filter(free, pk=row.pk, through=row.through).update(claimed_at=now):
        return Outcome.BUSY
    mine = Digest.objects.filter(pk=row.pk, claimed_at=now)
    chosen = preferences.of(user)
    pending = pending_for(user, row.through, chosen, now)
    if not user.is_active or not pending.events:
        # Switched off, or read meanwhile. The position goes on, so that due() leaves this person out of the next run.
        mine.update(claimed_at=None, through=pending.through)
        return Outcome.WAITS
    if chosen.quiet.covers(now) or all(event.created_at > news_window(now)[1] for event in pending.events):
        mine.update(claimed_at=None)
        return Outcome.WAITS
    try:
        message.compose(user, chosen, pending.events, (row.through, pending.through), connection).send()
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError, smtplib.SMTPSenderRefused, ValueError) as error:
        # It concerns this person alone. The claim stays, so that not every run tries again.
        logger.error("the digest of user %s was refused: %s", user_id, error)  # noqa: TRY400  no traceback helps here
        return Outcome.REFUSED
    except (OSError, smtplib.SMTPException) as error:
        mine.update(claimed_at=None)
        raise MailServerDown(str(error) or type(error).__name__) from error
    mine.update(claimed_at=None, through=pending.through, sent_at=now)
    return Outcome.SENT


def pending_for(user: "AbstractBaseUser", mailed: int, chosen: Preferences, now: datetime) -> Pending:
    """Returns the unread events of a person's inbox that are wanted by email, still news, and not mailed yet.

    mailed: the position up to which earlier digests cover the log.
    """
    through = log.head()
    items = inbox.items(user, unread_only=True, silenced=chosen.silenced | chosen.unmailed)
    since = max(mailed, news_since(now))
    items = items.filter(position__gt=since, position__lte=through, created_at__gte=news_window(now)[0])
    # One that is mailed by itself (mailing/), or will be, is not mailed again.
    single = ImmediateEmail.objects.filter(user_id=user.pk, event_id=OuterRef("pk"))
    items = items.exclude(Exists(single.filter(Q(settled_at=None) | Q(was_sent=True))))
    return Pending(list(items[: inbox.CAP + 1]), through)


def digest_of(user: "AbstractBaseUser") -> Digest | None:
    """Returns how far a person has been mailed; None as long as no run has claimed the person."""
    return Digest.objects.filter(user_id=user.pk).first()
