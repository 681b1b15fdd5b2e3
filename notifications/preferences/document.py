"""A person's preferences, in memory and as the JSON document that is stored and sent."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone


@dataclass(frozen=True, slots=True)
class Choice:
    """The ways in which one kind reaches a person."""

    # Listed, counted and streamed. A kind that is off here is not mailed either.
    page: bool = True
    toast: bool = True
    desktop: bool = False
    # Sent once the event has stayed unread for a while.
    email: bool = True
    # Mailed by itself, without a wait; on for the kinds that offer it, and for no others.
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class Quiet:
    """The quiet hours: events are kept, but neither toasted nor shown on the desktop."""

    on: bool = False
    start: time = time(22)
    until: time = time(7)
    # The name of a time zone; empty: the person has chosen none, and the site's is used.
    zone: str = ""

    @property
    def tzinfo(self) -> tzinfo:
        """The person's time zone."""
        return ZoneInfo(self.zone or settings.TIME_ZONE)

    def covers(self, moment: datetime) -> bool:
        """Whether the moment is in the quiet hours. They may pass midnight; equal hours mean all day."""
        if not self.on:
            return False
        local = moment.astimezone(self.tzinfo).time()
        if self.start < self.until:
            return self.start <= local < self.until
        return local >= self.start or local < self.until

    def end_after(self, moment: datetime) -> datetime:
        """Returns when the quiet hours that cover the moment end; a day later where they never do."""
        local = moment.astimezone(self.tzinfo)
        end = local.replace(hour=self.until.hour, minute=self.until.minute, second=0, microsecond=0)
        # On the clock of the wall: a day in which that is put forward or back has another length.
        return end if end > local and self.start != self.until else end + timedelta(days=1)

    def as_json(self) -> dict[str, Any]:
        """The hours as they are stored and sent; the zone is the site's where the person has chosen none."""
        hours = {"from": f"{self.start:%H:%M}", "until": f"{self.until:%H:%M}"}
        return {"on": self.on, **hours, "zone": self.zone or settings.TIME_ZONE}


@dataclass(frozen=True, slots=True)
class Preferences:
    """All preferences of one person; `kinds` has every kind that can be listed."""

    kinds: Mapping[str, Choice] = field(default_factory=dict)
    quiet: Quiet = Quiet()
    # A switch of its own: if a person switched each kind off instead, a kind that is registered later would be mailed.
    email: bool = True
    # The language of the last page the person opened; empty: the site's. Emails are written without a request to ask.
    language: str = ""

    @property
    def unmailed(self) -> frozenset[str]:
        """The kinds about which this person gets no email."""
        return frozenset(
            name for name, choice in self.kinds.items() if not (choice.email and choice.page and self.email)
        )

    @property
    def mailed_at_once(self) -> frozenset[str]:
        """The kinds about which this person gets an email at once."""
        return frozenset(name for name, choice in self.kinds.items() if choice.at_once and choice.page and self.email)

    @property
    def silenced(self) -> frozenset[str]:
        """The kinds that are neither streamed to this person, nor listed, nor counted."""
        return frozenset(name for name, choice in self.kinds.items() if not choice.page)

    def as_json(self) -> dict[str, Any]:
        """The document as clients get it. `quiet_now` changes with the time and is not stored."""
        return {
            "kinds": {name: asdict(choice) for name, choice in self.kinds.items()},
            "email": self.email,
            "quiet": self.quiet.as_json(),
            "quiet_now": self.quiet.covers(timezone.now()),
        }
