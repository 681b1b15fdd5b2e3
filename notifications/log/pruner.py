"""Deletes old events and moves the horizon."""

from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from notifications.log.alias import database
from notifications.log.sequencer import sequence_committed
from notifications.models import Event, Head

# Rows deleted in one transaction: on SQLite, writers wait for as long as one such transaction takes.
PRUNE_CHUNK = 1000


def prune(older_than: timedelta, *, spare: Q | None = None) -> int:
    """Moves the horizon, then deletes the events older than that, in chunks; returns the number of deleted events.

    spare: a condition on events that are kept; they stay in inboxes, but streams do not resume from before the horizon.
    The horizon moves first, so that a cursor below it is answered with `reset`, never with a silent gap. The key of an event
    is deleted with it: appended again, the key makes a new event.
    """
    alias = database()
    events = Event.objects.using(alias)
    cutoff = timezone.now() - older_than
    newest = (
        events.filter(created_at__lt=cutoff, position__isnull=False)
        .order_by("-position")
        .values_list("position", flat=True)
        .first()
    )
    if newest is None:
        return 0
    with transaction.atomic(using=alias):
        Head.objects.using(alias).select_for_update().get(pk=Head.ID)
        Head.objects.using(alias).filter(pk=Head.ID, horizon__lt=newest).update(horizon=newest)
    # Writers that found the head locked meanwhile have left their events to this process.
    sequence_committed(alias)
    due = events.filter(position__lte=newest)
    if spare is not None:
        due = due.exclude(spare)
    pruned = through = 0
    # Continues behind the last chunk, so that spared events are examined once.
    while chunk := dict(
        due.filter(position__gt=through).order_by("position").values_list("pk", "position")[:PRUNE_CHUNK]
    ):
        with transaction.atomic(using=alias):
            events.filter(pk__in=list(chunk)).delete()
        pruned, through = pruned + len(chunk), max(position or 0 for position in chunk.values())
    return pruned
