"""A person's inbox, derived from the log: the list, what is unread, and what reading, unreading and dismissing change.

Nothing is stored per person and event but the exceptions: `read_through` of the subscription says how far all is read,
a Reading what was done to one event by itself. Each change is told to the person's other pages through the log.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Case, F, FilteredRelation, OuterRef, Q, QuerySet, Subquery, When
from django.utils.translation import gettext_lazy as _

from notifications import choices, kinds, log
from notifications.kinds import Kind
from notifications.models import Event, Reading, Subscription
from notifications.newest import Search

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

State = Reading.State

# Counting stops here; the badge then says "99+".
CAP = 99
PAGE = 50
# Events that one call may change: bounds the memory and the time of one request.
MOST_CHANGED = 500

# Marking all as read goes past what was made unread before it, and not past what was made unread later.
UNREAD = Q(mark=None, position__gt=F("read_through")) | Q(mark__state=State.UNREAD, mark__since__gte=F("read_through"))
# Not the condition itself: in SQL that is null, not false, where there is no mark.
IS_UNREAD = Case(When(UNREAD, then=True), default=False)

READ = Kind("inbox.read", label=_("Inbox changed"), listed=False)


def items(
    user: "AbstractBaseUser", *, unread_only: bool = False, silenced: Collection[str] | None = None
) -> QuerySet[Event]:
    """Returns what the person was told, newest first, each with `is_unread`."""
    if silenced is None:
        silenced = choices.of(user).silenced
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
        silenced = choices.of(user).silenced
    search = Search(user.pk, hidden(silenced), unread_only=unread_only, before=before, kind=kind)
    found = search.events(limit + 1)
    return found[:limit], found[limit - 1].position if len(found) > limit else None


def unread_count(user: "AbstractBaseUser", *, silenced: Collection[str] | None = None) -> int:
    """Counts what is unread, up to CAP + 1; derived, so it cannot drift."""
    if silenced is None:
        silenced = choices.of(user).silenced
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
        Q(mark=None) | Q(mark__state__in=(State.READ, State.UNREAD)),
        read_through__isnull=False,
    )
    if not unread_only:
        return events
    # Below the floor nothing is unread but what was made so again.
    floor = Subquery(mine.order_by("read_through").values("read_through")[:1])
    return events.filter(UNREAD, Q(position__gt=floor) | Q(mark__state=State.UNREAD))


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


def mark_all_read(user: "AbstractBaseUser", through: int | None = None) -> int:
    """Marks everything up to a position (default: the head) as read, with one UPDATE; returns the position."""
    with transaction.atomic():
        position = log.head() if through is None else min(through, log.head())
        behind = Subscription.objects.filter(user_id=user.pk, read_through__lt=position)
        if behind.update(read_through=position):
            announce(user, through=position)
    return position


def mark_read(user: "AbstractBaseUser", position: int) -> Event | None:
    """Marks one item as read and returns it; None if it is not in this person's inbox."""
    event = items(user).filter(position=position).first()
    if event is not None:
        change(user, [position], State.READ)
    return event


def change(user: "AbstractBaseUser", positions: Iterable[int], state: Reading.State) -> list[int]:
    """Marks items as read or unread or dismisses them; returns the positions of those it changed.

    What is not in this person's inbox, or is so already, is passed over: doing it twice is doing it once.
    """
    with transaction.atomic():
        found = items(user).filter(position__in=list(positions)[:MOST_CHANGED])
        due = [event for event in found if state == State.DISMISSED or is_unread(event) == (state == State.READ)]
        since = log.head()
        Reading.objects.bulk_create(
            [Reading(user_id=user.pk, event=event, state=state, since=since) for event in due],
            update_conflicts=True,
            unique_fields=("user", "event"),
            update_fields=("state", "since"),
        )
        changed = [event.position for event in due if event.position is not None]
        if changed:
            announce(user, changed={state: changed})
        return changed


def is_unread(event: Event) -> bool:
    """Whether an event that items() or page() returned is unread."""
    return bool(vars(event)["is_unread"])


def announce(
    user: "AbstractBaseUser", *, through: int | None = None, changed: Mapping[Reading.State, list[int]] | None = None
) -> None:
    """Tells the person's open pages, on every device, what was read and what is left."""
    positions = {state.value: (changed or {}).get(state, []) for state in State}
    log.append(f"user:{user.pk}", READ.name, {"through": through, **positions, "count": unread_count(user)})
