"""The consumer that makes a row for each reader to whom an event is mailed at once."""

import logging

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from notifications import conf, kinds, log
from notifications.consumers import Batch, consumer
from notifications.models import Event, ImmediateEmail, Preference, Subscription
from notifications.preferences import from_stored

logger = logging.getLogger("notifications.mailing")

NAME = "emails-at-once"
# Followers that are looked at in one transaction: it bounds the memory, and the time for which writers wait on SQLite.
FOLLOWERS_AT_ONCE = 500


def register_emails() -> None:
    """Registers the consumer; called once, when the app is ready."""
    # One event at a time: a channel may have a million followers.
    consumer(NAME, kinds=kinds.names_mailed_at_once, batch=1)(queue_emails)


def queue_emails(batch: Batch) -> None:
    """Makes the rows of one event, in chunks of its channel's subscriptions; a kill repeats none of them."""
    [event] = batch
    if not conf.site_url():
        logger.warning("the event %s is not mailed at once: the site's address is not set", event.position)
        return
    while queue_for_some(event, batch):
        pass


def queue_for_some(event: Event, batch: Batch) -> bool:
    """Makes the rows for the next followers; False if there are no more. The progress is the key of a subscription."""
    address = f"user__{get_user_model().get_email_field_name()}"
    followers = (
        Subscription.objects.using(log.database())
        .filter(channel=event.channel, muted=False, since__lt=event.position, pk__gt=batch.progress)
        .exclude(Q(**{address: ""}) | Q(**{f"{address}__isnull": True}))
        .order_by("pk")
    )
    chunk = list(followers.values_list("pk", "user_id")[:FOLLOWERS_AT_ONCE])
    if not chunk:
        return False
    user_ids = [user_id for _pk, user_id in chunk]
    stored = dict(Preference.objects.filter(user_id__in=user_ids).values_list("user_id", "choices"))
    now = timezone.now()
    rows = [
        ImmediateEmail(user_id=user_id, event=event, due_at=now)
        for user_id in user_ids
        if event.kind in from_stored(stored.get(user_id)).mailed_at_once
    ]
    with transaction.atomic(using=log.database()):
        ImmediateEmail.objects.using(log.database()).bulk_create(rows, ignore_conflicts=True)
        batch.save_progress(chunk[-1][0])
    return len(chunk) == FOLLOWERS_AT_ONCE
