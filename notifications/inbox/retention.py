"""Retention: read events are kept for one period, unread ones for a longer one.

`manage.py prune_events` runs it. Appending and delivering never prune.
"""

from datetime import timedelta
from typing import NamedTuple

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from notifications import conf, kinds, log
from notifications.models import Event, Reading, Subscription


class Pruned(NamedTuple):
    """The result of a run: the number of deleted events, and of old ones that are kept because a user has not read them."""

    deleted: int
    spared: int


def prune_events(keep: timedelta | None = None, keep_unread: timedelta | None = None) -> Pruned:
    """Deletes the events that are older than `keep`, and those that a user has unread if older than `keep_unread`.

    Both default to the settings. If keep_unread is not longer than keep, unread events are deleted as read ones are.
    """
    keep = timedelta(days=conf.keep_days()) if keep is None else keep
    keep_unread = timedelta(days=conf.keep_unread_days()) if keep_unread is None else keep_unread
    if keep_unread <= keep:
        return Pruned(log.prune(keep), 0)
    spare = Q(created_at__gte=timezone.now() - keep_unread) & unread_by_anybody()
    deleted = log.prune(keep, spare=spare)
    return Pruned(deleted, Event.objects.filter(position__lte=log.bounds().horizon).count())


def unread_by_anybody() -> Q:
    """Returns the condition that an event is unread in an inbox: the rule of inbox.items(), for all users at once.

    Unlike there, an event of a kind that a user has switched off counts: it is unread again if the kind is switched on.
    """
    heard = Subscription.objects.filter(muted=False, channel=OuterRef("channel"), since__lt=OuterRef("position"))
    marks = Reading.objects.filter(event=OuterRef(OuterRef("pk")), user=OuterRef("user"))
    again = marks.filter(state=Reading.State.UNREAD, since__gte=OuterRef("read_through"))
    never = Q(read_through__lt=OuterRef("position")) & ~Exists(marks)
    return ~Q(kind__in=kinds.unlisted_names()) & Q(retracted_at=None) & Q(Exists(heard.filter(never | Exists(again))))
