"""Deletes old events and moves the horizon."""

from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from notifications.models import Event, Head

# Rows deleted in one transaction of prune(): writers wait for no longer than that.
PRUNE_CHUNK = 1000


def prune(older_than: timedelta, *, spare: Q | None = None) -> int:
    """Deletes events older than that, but for those to spare, in chunks, and moves the horizon; returns how many it deleted.

    The horizon moves first: a cursor below it is answered with `reset`, never with a silent gap. What is spared stays in
    inboxes; no stream catches up through it. Keys are forgotten with their events: appended again, such a key is told again.
    """
    cutoff = timezone.now() - older_than
    newest = (
        Event.objects.filter(created_at__lt=cutoff, position__isnull=False)
        .order_by("-position")
        .values_list("position", flat=True)
        .first()
    )
    if newest is None:
        return 0
    with transaction.atomic():
        Head.objects.select_for_update().get(pk=Head.ID)
        Head.objects.filter(pk=Head.ID, horizon__lt=newest).update(horizon=newest)
    due = Event.objects.filter(position__lte=newest)
    if spare is not None:
        due = due.exclude(spare)
    pruned = through = 0
    # From where the last chunk ended: what was spared before it is not asked about again.
    while chunk := dict(
        due.filter(position__gt=through).order_by("position").values_list("pk", "position")[:PRUNE_CHUNK]
    ):
        with transaction.atomic():
            Event.objects.filter(pk__in=list(chunk)).delete()
        pruned, through = pruned + len(chunk), max(position or 0 for position in chunk.values())
    return pruned
