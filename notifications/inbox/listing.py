"""A person's inbox, derived from the log: the list, what is unread, and what reading, unreading and dismissing change.

Nothing is stored per person and event but the exceptions: `read_through` of the subscription says how far all is read,
a Reading what was done to one event by itself. Each change is told to the person's other pages through the log.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from django.db.models import Case, F, FilteredRelation, OuterRef, Q, QuerySet, Subquery, When

from notifications import kinds, preferences
from notifications.inbox.search import Search
from notifications.models import Event, Reading, Subscription

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser


# Counting stops here; the badge then says "99+".
CAP = 99
PAGE = 50

# Marking all as read goes past what was made unread before it, and not past what was made unread later.
UNREAD_CONDITION = Q(mark=None, position__gt=F("read_through")) | Q(
    mark__state=Reading.State.UNREAD, mark__since__gte=F("read_through")
)
# Not the condition itself: in SQL that is null, not false, where there is no mark.
IS_UNREAD = Case(When(UNREAD_CONDITION, then=True), default=False)


def items(
    user: "AbstractBaseUser", *, unread_only: bool = False, silenced: Collection[str] | None = None
) -> QuerySet[Event]:
    """Returns what the person was told, newest first, each with `is_unread`."""
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
    """Returns a page of items() and the `before` of the next one, None on the last; one query.

    before: a position. silenced: the kinds the person has switched off, where the caller knows them already.
    """
    if silenced is None:
        silenced = preferences.of(user).silenced
    search = Search(user.pk, hidden(silenced), unread_only=unread_only, before=before, kind=kind)
    found = search.events(limit + 1)
    return found[:limit], found[limit - 1].position if len(found) > limit else None


def unread_count(user: "AbstractBaseUser", *, silenced: Collection[str] | None = None) -> int:
    """Counts what is unread, up to CAP + 1; derived, so it cannot drift."""
    if silenced is None:
        silenced = preferences.of(user).silenced
    return Search(user.pk, hidden(silenced), unread_only=True).count(CAP + 1)


def hidden(silenced: Collection[str]) -> tuple[str, ...]:
    """The kinds that are neither listed nor counted: the steering ones, and those that the person has switched off."""
    return (*kinds.unlisted_names(), *sorted(silenced))


def told(user_id: Any, hidden: Collection[str], *, unread_only: bool = False) -> QuerySet[Any]:
    """Returns what a person was told, marked, in no order."""
    mine = Subscription.objects.filter(user_id=user_id, muted=False)
    # The channels first: the database then reads their events alone, however long the log.
    events = marked(Event.objects.filter(position__isnull=False, channel__in=mine.values("channel")), user_id).filter(
        ~Q(kind__in=hidden),
        Q(mark=None) | Q(mark__state__in=(Reading.State.READ, Reading.State.UNREAD)),
        read_through__isnull=False,
    )
    if not unread_only:
        return events
    # Below the floor nothing is unread but what was made so again.
    floor = Subquery(mine.order_by("read_through").values("read_through")[:1])
    return events.filter(UNREAD_CONDITION, Q(position__gt=floor) | Q(mark__state=Reading.State.UNREAD))


def marked(events: QuerySet[Any], user_id: Any) -> QuerySet[Any]:
    """Adds what a person has read: `read_through` of the channel, where it is theirs, and the event's own `mark`."""
    here = Subscription.objects.filter(
        user_id=user_id, muted=False, channel=OuterRef("channel"), since__lt=OuterRef("position")
    )
    found: QuerySet[Any] = events.alias(
        read_through=Subquery(here.values("read_through")),
        mark=FilteredRelation("readings", condition=Q(readings__user=user_id)),
    )
    return found


def readable(events: QuerySet[Any]) -> QuerySet[Any]:
    """Adds `is_unread` to marked events, and puts the newest first."""
    found: QuerySet[Any] = events.annotate(is_unread=IS_UNREAD).order_by("-position")
    return found


def unread_label(count: int) -> str:
    """The count as a badge shows it."""
    return f"{CAP}+" if count > CAP else str(count)


def is_unread(event: Event) -> bool:
    """Whether an event that items() or page() returned is unread."""
    return bool(vars(event)["is_unread"])
