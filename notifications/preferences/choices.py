"""What a person has chosen to be told of and how: per kind, and when it shall be quiet. Read here, changed in preferences.py."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, time, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.db.models import JSONField, Subquery
from django.utils import timezone

from notifications import kinds
from notifications.models import Head, Preference

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser


@dataclass(frozen=True, slots=True)
class Choice:
    """How one kind reaches a person: on the page (listed, counted, streamed), as a toast, on the desktop, and by email."""

    page: bool = True
    toast: bool = True
    desktop: bool = False
    # Once it has stayed unread for a while; what is off on the page is not mailed either.
    email: bool = True


@dataclass(frozen=True, slots=True)
class Quiet:
    """The hours in which what happens is kept but neither toasted nor shown on the desktop."""

    on: bool = False
    start: time = time(22)
    until: time = time(7)
    # Empty: never chosen, the site's.
    zone: str = ""

    @property
    def tzinfo(self) -> tzinfo:
        """The person's time zone."""
        return ZoneInfo(self.zone or settings.TIME_ZONE)

    def covers(self, moment: datetime) -> bool:
        """Whether it is quiet then; hours may pass midnight, and the same hour twice means all day."""
        if not self.on:
            return False
        local = moment.astimezone(self.tzinfo).time()
        if self.start < self.until:
            return self.start <= local < self.until
        return local >= self.start or local < self.until

    def as_json(self) -> dict[str, Any]:
        """The hours as they are stored and sent."""
        hours = {"from": f"{self.start:%H:%M}", "until": f"{self.until:%H:%M}"}
        return {"on": self.on, **hours, "zone": self.zone or settings.TIME_ZONE}


@dataclass(frozen=True, slots=True)
class Choices:
    """All of a person's choices; `kinds` has every kind that can be listed."""

    kinds: Mapping[str, Choice] = field(default_factory=dict)
    quiet: Quiet = Quiet()
    # Whether this person wants any email; kinds that are new later would undo switching off each.
    email: bool = True
    # That of the last page opened; empty: the site's. Known for what is written while nobody is there to ask.
    language: str = ""

    @property
    def unmailed(self) -> frozenset[str]:
        """The kinds that this person gets no email about."""
        return frozenset(
            name for name, choice in self.kinds.items() if not (choice.email and choice.page and self.email)
        )

    @property
    def silenced(self) -> frozenset[str]:
        """The kinds that are neither streamed to this person, nor listed, nor counted."""
        return frozenset(name for name, choice in self.kinds.items() if not choice.page)

    def as_json(self) -> dict[str, Any]:
        """The document that clients get; stored without `quiet_now`, which changes by itself."""
        return {
            "kinds": {name: asdict(choice) for name, choice in self.kinds.items()},
            "email": self.email,
            "quiet": self.quiet.as_json(),
            "quiet_now": self.quiet.covers(timezone.now()),
        }


def read(stored: Mapping[str, Any] | None, language: str | None = None) -> Choices:
    """Reads a stored document and language: kinds that are new since then have their defaults, those that are gone are left out.

    A kind that became required since then is on again, whatever was chosen.
    """
    stored = stored or {}
    chosen, quiet = stored.get("kinds", {}), stored.get("quiet")
    found = {}
    for kind in kinds.listed():
        choice = Choice(**chosen.get(kind.name, {}))
        found[kind.name] = Choice(desktop=choice.desktop, email=choice.email) if kind.required else choice
    email, language = stored.get("email", True), language or ""
    if quiet is None:
        return Choices(found, email=email, language=language)
    start, until = time.fromisoformat(quiet["from"]), time.fromisoformat(quiet["until"])
    # A zone that this machine's data no longer knows counts as never chosen.
    zone = quiet["zone"] if quiet["zone"] in zone_names() else ""
    return Choices(found, Quiet(quiet["on"], start, until, zone), email, language)


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """The names of all time zones; looked up once, since that reads a folder."""
    return frozenset(available_timezones())


def of(user: "AbstractBaseUser") -> Choices:
    """Returns a person's choices."""
    return read(*Preference.objects.filter(user_id=user.pk).values_list("choices", "language").first() or (None,))


def silenced_of_all(users: "Sequence[AbstractBaseUser]") -> dict[Any, frozenset[str]]:
    """Returns the kinds that people have switched off, by their primary key: one query."""
    silenced: dict[Any, frozenset[str]] = {user.pk: frozenset() for user in users}
    for user_id, stored in Preference.objects.filter(user_id__in=list(silenced)).values_list("user_id", "choices"):
        silenced[user_id] = read(stored).silenced
    return silenced


class Look(NamedTuple):
    """What a page starts from: the log's position before anything else is read, and the reader's choices."""

    cursor: int
    choices: Choices


def look(user: "AbstractBaseUser") -> Look:
    """Reads both with one query."""
    theirs = Preference.objects.filter(user_id=user.pk)
    stored = Subquery(theirs.values("choices"), output_field=JSONField())
    row = Head.objects.filter(pk=Head.ID).values_list("position", stored, Subquery(theirs.values("language"))).first()
    return Look(row[0], read(row[1], row[2])) if row else Look(0, of(user))
