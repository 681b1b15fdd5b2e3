"""A person's inbox, derived from the log: what is unread, the list, marking as read."""

from typing import TYPE_CHECKING

from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q, QuerySet

from notifications import kinds, log
from notifications.models import Event, Reading, Subscription

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

# Counting stops here; the badge then says "99+".
CAP = 99
PAGE = 30


def items(user: "AbstractBaseUser", *, unread_only: bool = False, before: int | None = None) -> QuerySet[Event]:
    """Returns what the person was told, newest first, each with `is_unread`; `before` is a position, for paging."""
    mine = Subscription.objects.filter(
        user_id=user.pk, muted=False, channel=OuterRef("channel"), since__lt=OuterRef("position")
    )
    unread = Exists(mine.filter(read_through__lt=OuterRef("position"))) & ~Exists(
        Reading.objects.filter(user_id=user.pk, event=OuterRef("pk"))
    )
    events = Event.objects.filter(position__isnull=False).filter(unread if unread_only else Exists(mine))
    if before is not None:
        events = events.filter(position__lt=before)
    return (
        events.exclude(kind__in=kinds.terminal_names())
        .annotate(is_unread=ExpressionWrapper(Q(unread), output_field=BooleanField()))
        .order_by("-position")
    )


def unread_count(user: "AbstractBaseUser") -> int:
    """Counts what is unread, up to CAP + 1; derived, so it cannot drift."""
    return items(user, unread_only=True).values("pk")[: CAP + 1].count()


def unread_label(count: int) -> str:
    """The count as a badge shows it."""
    return f"{CAP}+" if count > CAP else str(count)


def mark_all_read(user: "AbstractBaseUser", through: int | None = None) -> int:
    """Marks everything up to a position (default: the head) as read, with one UPDATE; returns the position."""
    position = log.head() if through is None else min(through, log.head())
    Subscription.objects.filter(user_id=user.pk, read_through__lt=position).update(read_through=position)
    return position


def mark_read(user: "AbstractBaseUser", position: int) -> Event | None:
    """Marks one item as read and returns it; None if it is not in this person's inbox."""
    event = items(user).filter(position=position).first()
    if event is not None and event.is_unread:  # type: ignore[attr-defined]
        Reading.objects.bulk_create([Reading(user_id=user.pk, event=event)], ignore_conflicts=True)
    return event
