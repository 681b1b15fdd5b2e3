"""Sends the emails that are due, each once, however many processes do so.

A process claims a row, sends the email, and settles the row. If it is killed between the last two steps, the claim is left
behind; once that is older than CLAIM_EXPIRES, the email is sent again, with the same Message-ID, by which mail programs drop the
second. SMTP allows no more: nobody can ask a mail server whether it has taken an email.
"""

import logging
import smtplib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.core.mail.backends.base import BaseEmailBackend
from django.db.models import Q, QuerySet
from django.utils import timezone

from notifications import conf, inbox, log, preferences
from notifications.digests import MailServerDown
from notifications.digests.message import address_of
from notifications.digests.sending import default_mailer
from notifications.mailing.letter import compose_letter
from notifications.models import ImmediateEmail
from notifications.preferences import Preferences

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

logger = logging.getLogger("notifications.mailing")

# Sending one email takes seconds: an older claim is of a process that was killed.
CLAIM_EXPIRES = timedelta(minutes=5)
# Rows of one connection to the mail server.
EMAILS_AT_ONCE = 100
# Seconds until the next look for rows that are due, and the pauses while the mail server is down.
NEXT_LOOK, FIRST_PAUSE_DOWN, LONGEST_PAUSE_DOWN = 5.0, 1.0, 60.0
# An email that the mail server has refused is tried again after 1, 2, 4, 8 minutes, and then given up.
MOST_TRIES = 5
REFUSED_PAUSE = timedelta(minutes=1)

# How often in a row the mail server was down; of this process, whose one thread for emails changes it.
_downs = 0


def send_due_emails(is_ending: Callable[[], bool]) -> float:
    """Sends emails that are due. Returns the seconds until the next call: 0 if there may be more. Raises errors of the database.

    is_ending: asked between two emails; True ends the call.
    """
    global _downs
    pks = list(due_rows(timezone.now()).order_by("due_at", "pk").values_list("pk", flat=True)[:EMAILS_AT_ONCE])
    if not pks or not conf.site_url():
        return NEXT_LOOK
    try:
        send_rows(pks, is_ending)
    except MailServerDown as error:
        _downs += 1
        pause = min(LONGEST_PAUSE_DOWN, FIRST_PAUSE_DOWN * 2.0 ** min(_downs - 1, 20))
        logger.warning("the mail server is down, the emails wait: next try in %.0f s: %s", pause, error)
        return pause
    _downs = 0
    return 0.0


def send_rows(pks: list[int], is_ending: Callable[[], bool]) -> None:
    """Sends these emails over one connection, as far as no other process has claimed them. Raises MailServerDown."""
    connection, epoch = default_mailer(), log.bounds().epoch
    try:
        connection.open()
    except (OSError, smtplib.SMTPException) as error:
        raise MailServerDown(str(error) or type(error).__name__) from error
    try:
        for pk in pks:
            if is_ending():
                return
            send_one(pk, epoch, connection, timezone.now())
    finally:
        connection.close()


def due_rows(now: datetime) -> QuerySet[ImmediateEmail]:
    """The rows that a process may claim now."""
    free = Q(claimed_at=None) | Q(claimed_at__lt=now - CLAIM_EXPIRES)
    return ImmediateEmail.objects.using(log.database()).filter(free, settled_at=None, due_at__lte=now)


def send_one(pk: int, epoch: str, connection: BaseEmailBackend, now: datetime) -> None:
    """Sends one email, if no other process has claimed it and its reader still wants it. Raises MailServerDown."""
    if not due_rows(now).filter(pk=pk).update(claimed_at=now):
        return
    mine = ImmediateEmail.objects.using(log.database()).filter(pk=pk, claimed_at=now)
    row = mine.select_related("user", "event").first()
    if row is None:
        # The event was pruned, or the person deleted.
        return
    chosen = preferences.of(row.user)
    if not is_wanted(row, chosen):
        mine.update(settled_at=now, claimed_at=None)
    elif chosen.quiet.covers(now):
        mine.update(due_at=chosen.quiet.end_after(now), claimed_at=None)
    else:
        send_claimed(row, mine, chosen, epoch, connection)


def is_wanted(row: ImmediateEmail, chosen: Preferences) -> bool:
    """Whether the event is in the reader's inbox, unread, and of a kind that the reader wants at once."""
    user: Any = row.user
    if not user.is_active or not address_of(user) or row.event.kind not in chosen.mailed_at_once:
        return False
    items = inbox.items(user, unread_only=True, silenced=chosen.silenced)
    return items.filter(pk=row.event_id).exists()


def send_claimed(
    row: ImmediateEmail,
    mine: QuerySet[ImmediateEmail],
    chosen: Preferences,
    epoch: str,
    connection: BaseEmailBackend,
) -> None:
    """Sends an email whose row this process has claimed, and settles the row. Raises MailServerDown."""
    user: AbstractBaseUser = row.user
    try:
        compose_letter(user, chosen, row.event, epoch, connection).send()
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError, smtplib.SMTPSenderRefused, ValueError) as error:
        record_refusal(row, mine, error)
    except (OSError, smtplib.SMTPException) as error:
        mine.update(claimed_at=None)
        raise MailServerDown(str(error) or type(error).__name__) from error
    else:
        mine.update(settled_at=timezone.now(), was_sent=True, claimed_at=None)


def record_refusal(row: ImmediateEmail, mine: QuerySet[ImmediateEmail], error: Exception) -> None:
    """Puts an email off that the mail server has refused, which concerns its reader alone; gives it up in the end."""
    now, tries = timezone.now(), row.tries + 1
    if tries < MOST_TRIES:
        mine.update(tries=tries, due_at=now + REFUSED_PAUSE * 2 ** (tries - 1), claimed_at=None)
        logger.warning(
            "the email to user %s about the event %s was refused: %s", row.user_id, row.event.position, error
        )
        return
    mine.update(tries=tries, settled_at=now, claimed_at=None)
    logger.error(
        "the email to user %s about the event %s is given up after %d tries: %s",
        *(row.user_id, row.event.position, tries, error),
    )
