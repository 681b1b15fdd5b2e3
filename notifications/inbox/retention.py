"""How long events are kept: a while for everybody, longer for those who have not read them, and no longer than that.

Run by `manage.py prune_events`, never on the way of anything that writes or delivers.
"""

from datetime import timedelta
from typing import NamedTuple

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from notifications import conf, kinds, log
from notifications.models import Event, Reading, Subscription


class Pruned(NamedTuple):
    """What a run did: events deleted, and old ones kept for somebody who has not read them."""

    deleted: int
    spared: int


def prune_events(keep: timedelta | None = None, keep_unread: timedelta | None = None) -> Pruned:
    """Deletes events older than `keep`; those that somebody has unread only past `keep_unread`. Both default to settings.

    keep_unread: no longer than keep means that nothing is spared.
    """
    keep = timedelta(days=conf.keep_days()) if keep is None else keep
    keep_unread = timedelta(days=conf.keep_unread_days()) if keep_unread is None else keep_unread
    if keep_unread <= keep:
        return Pruned(log.prune(keep), 0)
    spare = Q(created_at__gte=timezone.now() - keep_unread) & unread_by_anybody()
    deleted = log.prune(keep, spare=spare)
    return Pruned(deleted, Event.objects.filter(position__lte=log.bounds().horizon).count())


def unread_by_anybody() -> Q:
    """Whether an event is unread in anybody's inbox: the rule of inbox.items(), asked for all people at once.

    But for kinds that a person has switched off: they come back, unread, when they are switched on again.
    """
    heard = Subscription.objects.filter(muted=False, channel=OuterRef("channel"), since__lt=OuterRef("position"))
    marks = Reading.objects.filter(event=OuterRef(OuterRef("pk")), user=OuterRef("user"))
    again = marks.filter(state=Reading.State.UNREAD, since__gte=OuterRef("read_through"))
    never = Q(read_through__lt=OuterRef("position")) & ~Exists(marks)
    return ~Q(kind__in=kinds.unlisted_names()) & Q(Exists(heard.filter(never | Exists(again))))
