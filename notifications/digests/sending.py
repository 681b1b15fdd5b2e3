"""Email for what stays unread: who is due one, and that each is sent once, however many runs there are.

A run claims a person, sends, and then notes up to where the person has been told. One that is killed between the last two
leaves its claim behind; when that has grown old the next run sends that one email again. So nothing is lost, and at most
one email of each killed run comes twice (with the same Message-ID, by which mail programs drop the second).
"""

import logging
import smtplib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.db.models import Exists, F, OuterRef, Q, Value
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from notifications import conf, inbox, kinds, log, preferences
from notifications.digests import message
from notifications.models import Digest, Event, Subscription

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser


logger = logging.getLogger(__name__)

# A claim older than this was left behind by a run that was killed: sending one email takes seconds. Whom the mail server
# refused is tried again after as long.
LEASE = timedelta(minutes=15)


class MailServerDown(Exception):
    """The mail server cannot be reached, or has hung up: whoever is left is for the next run."""


class Outcome(Enum):
    """What became of one person in a run."""

    SENT = "sent"
    WAITS = "waits"
    REFUSED = "refused"
    # Another run is at it, or was killed at it a moment ago, or the mail server refused this person lately.
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class Unread:
    """What a person has not read and not been mailed, and the log's position up to which that is all."""

    events: list[Event]
    through: int


def due(now: datetime | None = None) -> list[Any]:
    """The people who may be due an email: something they hear has been unread for long enough, and they have an address.

    Their preferences are looked at one by one, later.
    """
    now = now or timezone.now()
    address = f"user__{get_user_model().get_email_field_name()}"
    told = Event.objects.filter(channel=OuterRef("channel"), position__gt=OuterRef("past"), created_at__range=span(now))
    waiting = Q(user__notification_digest__sent_at__gt=now - conf.digest_pause())
    return list(
        Subscription.objects.filter(muted=False)
        .annotate(
            told=Coalesce(F("user__notification_digest__through"), Value(0)),
            past=Greatest("read_through", "told", Value(news_since(now))),
        )
        .filter(Exists(told.exclude(kind__in=kinds.unlisted_names())))
        .exclude(Q(**{address: ""}) | Q(**{f"{address}__isnull": True}) | waiting)
        .order_by("user_id")
        .values_list("user_id", flat=True)
        .distinct()
    )


def span(now: datetime) -> tuple[datetime, datetime]:
    """When that happened which has been unread for long enough, and is still news."""
    return now - timedelta(days=conf.digest_days()), now - conf.digest_after()


def news_since(now: datetime) -> int:
    """The position before which nothing is news any more: the log need not be read from its beginning."""
    recent = Event.objects.filter(created_at__gte=span(now)[0], position__isnull=False)
    # By age, whose index finds it at once; a few positions that are out of its order do not matter.
    first = recent.order_by("created_at").values_list("position", flat=True).first()
    return log.head() if first is None else first - 1


def send_all(user_ids: list[Any], now: datetime | None = None) -> Iterator[Outcome]:
    """Sends to each of these people what is due; raises MailServerDown, once it is, for nothing to be lost."""
    connection = mail.get_connection()
    try:
        connection.open()
    except (OSError, smtplib.SMTPException) as error:
        raise MailServerDown(str(error) or type(error).__name__) from error
    try:
        for user_id in user_ids:
            yield send(user_id, connection, now or timezone.now())
    finally:
        connection.close()


def send(user_id: Any, connection: BaseEmailBackend, now: datetime) -> Outcome:
    """Sends one person what is due, if no other run is at it."""
    user = get_user_model().objects.filter(pk=user_id).first()
    if user is None:
        return Outcome.WAITS
    row, _created = Digest.objects.get_or_create(user_id=user_id)
    free = Q(claimed_at=None) | Q(claimed_at__lt=now - LEASE)
    # The position as well: another run may have sent between our look and our claim.
    if not Digest.objects.filter(free, pk=row.pk, through=row.through).update(claimed_at=now):
        return Outcome.BUSY
    mine = Digest.objects.filter(pk=row.pk, claimed_at=now)
    chosen = preferences.of(user)
    unread = unread_of(user, row.through, chosen, now)
    if not user.is_active or not unread.events:
        # Switched off, or read meanwhile: not to be looked at again in every run.
        mine.update(claimed_at=None, through=unread.through)
        return Outcome.WAITS
    if chosen.quiet.covers(now) or all(event.created_at > span(now)[1] for event in unread.events):
        mine.update(claimed_at=None)
        return Outcome.WAITS
    try:
        message.compose(user, chosen, unread.events, (row.through, unread.through), connection).send()
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError, smtplib.SMTPSenderRefused, ValueError) as error:
        # Of this one person; the claim stays, so that it is not tried again in every run.
        logger.error("the digest of user %s was refused: %s", user_id, error)  # noqa: TRY400  no traceback helps here
        return Outcome.REFUSED
    except (OSError, smtplib.SMTPException) as error:
        mine.update(claimed_at=None)
        raise MailServerDown(str(error) or type(error).__name__) from error
    mine.update(claimed_at=None, through=unread.through, sent_at=now)
    return Outcome.SENT


def unread_of(user: "AbstractBaseUser", told: int, chosen: preferences.Preferences, now: datetime) -> Unread:
    """What is unread in a person's inbox, wanted by email, still news, and past what was mailed before; newest first."""
    through = log.head()
    items = inbox.items(user, unread_only=True, silenced=chosen.silenced | chosen.unmailed)
    since = max(told, news_since(now))
    items = items.filter(position__gt=since, position__lte=through, created_at__gte=span(now)[0])
    return Unread(list(items[: inbox.CAP + 1]), through)


def told(user: "AbstractBaseUser") -> Digest | None:
    """Up to where a person has been told by email; None for whom no run has looked at."""
    return Digest.objects.filter(user_id=user.pk).first()
