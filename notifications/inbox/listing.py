"""The queries of the inbox: its events and the unread count, in the terms of the ORM."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from django.db.models import Case, F, FilteredRelation, OuterRef, Q, QuerySet, Subquery, When

from notifications import kinds, preferences
from notifications.inbox.search import Search
from notifications.models import Event, Reading, Subscription

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser


# The highest count; above it, the badge shows "99+".
CAP = 99
PAGE = 50

# "Mark all as read" includes events that were made unread before it, not those that were made unread after it.
UNREAD_CONDITION = Q(mark=None, position__gt=F("read_through")) | Q(
    mark__state=Reading.State.UNREAD, mark__since__gte=F("read_through")
)
# CASE, because UNREAD_CONDITION is NULL, not false, when there is no mark.
IS_UNREAD = Case(When(UNREAD_CONDITION, then=True), default=False)


def items(
    user: "AbstractBaseUser", *, unread_only: bool = False, silenced: Collection[str] | None = None
) -> QuerySet[Event]:
    """Returns the events of the user's inbox, the newest first, each with `is_unread`. silenced: the kinds that are off."""
    if silenced is None:
        silenced = preferences.of(user).silenced
    return readable(told(user.pk, hidden(silenced), unread_only=unread_only))


def page(
    user: "AbstractBaseUser",
    limit: int = PAGE,
    *,
    unread_only: bool = False,
    before: int | None = None,
    kind: str = "",
    silenced: Collection[str] | None = None,
) -> tuple[list[Event], int | None]:
    """Returns a page of items(), and the `before` of the next page (None on the last one), with one query.

    before: a position. silenced: the kinds that the user has switched off, if the caller has read them already.
    """
    if silenced is None:
        silenced = preferences.of(user).silenced
    search = Search(user.pk, hidden(silenced), unread_only=unread_only, before=before, kind=kind)
    found = search.events(limit + 1)
    return found[:limit], found[limit - 1].position if len(found) > limit else None


def unread_count(user: "AbstractBaseUser", *, silenced: Collection[str] | None = None) -> int:
    """Counts the unread events, up to CAP + 1. The count is derived from the rows, so it cannot drift."""
    if silenced is None:
        silenced = preferences.of(user).silenced
    return Search(user.pk, hidden(silenced), unread_only=True).count(CAP + 1)


def hidden(silenced: Collection[str]) -> tuple[str, ...]:
    """Returns the kinds that are neither listed nor counted: the unlisted ones, and those that the user has switched off."""
    return (*kinds.unlisted_names(), *sorted(silenced))


def told(user_id: Any, hidden: Collection[str], *, unread_only: bool = False) -> QuerySet[Any]:
    """Returns the events of a user's inbox, with the values that marked() adds, in no order."""
    mine = Subscription.objects.filter(user_id=user_id, muted=False)
    # The channels in a subquery: the database then reads only their events, however long the log is.
    events = marked(Event.objects.filter(position__isnull=False, channel__in=mine.values("channel")), user_id).filter(
        ~Q(kind__in=hidden),
        Q(retracted_at=None),
        Q(mark=None) | Q(mark__state__in=(Reading.State.READ, Reading.State.UNREAD)),
        read_through__isnull=False,
    )
    if not unread_only:
        return events
    # At or below the lowest `read_through`, only events that were made unread again are unread.
    floor = Subquery(mine.order_by("read_through").values("read_through")[:1])
    return events.filter(UNREAD_CONDITION, Q(position__gt=floor) | Q(mark__state=Reading.State.UNREAD))


def marked(events: QuerySet[Any], user_id: Any) -> QuerySet[Any]:
    """Adds the `read_through` of the user's subscription to the event's channel, and `mark`, the user's Reading of the event."""
    here = Subscription.objects.filter(
        user_id=user_id, muted=False, channel=OuterRef("channel"), since__lt=OuterRef("position")
    )
    found: QuerySet[Any] = events.alias(
        read_through=Subquery(here.values("read_through")),
        mark=FilteredRelation("readings", condition=Q(readings__user=user_id)),
    )
    return found


def readable(events: QuerySet[Any]) -> QuerySet[Any]:
    """Adds `is_unread` to the events of marked(), and puts the newest first."""
    found: QuerySet[Any] = events.annotate(is_unread=IS_UNREAD).order_by("-position")
    return found


def unread_label(count: int) -> str:
    """Returns the count as a badge shows it."""
    return f"{CAP}+" if count > CAP else str(count)


def is_unread(event: Event) -> bool:
    """Whether an event that items() or page() returned is unread."""
    return bool(vars(event)["is_unread"])
