"""The one parser of preferences: it makes checked Preferences of a plain document.

The settings form, the API, the database and code give it such a document; every key may be missing:

    {"kinds": {"order.paid": {"page": true, "toast": true, "desktop": false, "email": true, "at_once": false}},
     "quiet": {"on": false, "from": "22:00", "until": "07:00", "zone": "Europe/Paris"},
     "email": true}
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import time
from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from notifications import kinds
from notifications.kinds import Kind
from notifications.preferences.document import Choice, Preferences, Quiet

KEYS = ("kinds", "quiet", "email")
HOURS = ("on", "from", "until", "zone")
DEFAULT_CHOICE, DEFAULT_QUIET = Choice(), Quiet()
WAYS: dict[str, bool] = asdict(DEFAULT_CHOICE)
CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


def default_choice(kind: Kind) -> Choice:
    """Returns the ways of a kind about which a person has said nothing."""
    return replace(DEFAULT_CHOICE, at_once=kind.email_at_once)


def parse(document: Any, *, strict: bool = True) -> Preferences:
    """Returns complete preferences: every kind that can be listed, with the default of whatever the document lacks.

    strict: raises ValidationError, with a message for the reader, for an unknown key, kind or time zone, a value of a
    wrong type, and a required kind that is switched off. Otherwise such a part has its default, and a required kind is
    on: another release of the site may have stored the document, and the page must work all the same.
    """
    return _Parser(strict).preferences(document)


def checked(kinds_wanted: Mapping[str, Choice], quiet: Quiet, *, email: bool = True) -> Preferences:
    """Returns complete preferences for choices made in code; kinds that are not mentioned have their defaults.

    Raises ValidationError for an unknown kind or zone, and where a required kind would be switched off.
    """
    ways = {name: asdict(choice) for name, choice in kinds_wanted.items()}
    return parse({"kinds": ways, "quiet": quiet.as_json() | {"zone": quiet.zone}, "email": email})


def from_form(posted: Mapping[str, Any]) -> Preferences:
    """Reads the settings form: checkboxes named "<kind>:<way>", `email` and the quiet hours. Raises ValidationError."""
    ways = {kind.name: {way: f"{kind.name}:{way}" in posted for way in WAYS} for kind in kinds.listed()}
    for kind in kinds.listed():
        if kind.required:
            # Its checkboxes are disabled, and a browser does not send a disabled checkbox.
            ways[kind.name] |= {"page": True, "toast": True}
    hours = {"from": "quiet_from", "until": "quiet_until", "zone": "zone"}
    quiet = {key: posted[name] for key, name in hours.items() if name in posted} | {"on": "quiet_on" in posted}
    return parse({"kinds": ways, "quiet": quiet, "email": "email" in posted})


def from_stored(document: Any, language: str | None = None) -> Preferences:
    """Reads a stored document and language, None where there is no row; never raises."""
    return replace(parse(document or {}, strict=False), language=language or "")


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """The names of all time zones; cached, because the look-up reads a folder."""
    return frozenset(available_timezones())


@dataclass(frozen=True, slots=True)
class _Parser:
    """Each method returns one part of the document, checked; in lenient mode its default where it is wrong.

    Messages about the document's form are not translated: only code can cause them, because the settings form and the
    API's schema give no other form.
    """

    strict: bool

    def refuse(self, message: str, **params: Any) -> None:
        """Raises in strict mode; in lenient mode the caller goes on with a default."""
        if self.strict:
            raise ValidationError(message, params=params)

    def preferences(self, document: Any) -> Preferences:
        given = self.mapping(document, KEYS)
        return Preferences(
            kinds=self.kinds(given.get("kinds", {})),
            quiet=self.quiet(given.get("quiet", {})),
            email=self.switch(given, "email", default=True),
        )

    def kinds(self, given: Any) -> dict[str, Choice]:
        listed = {kind.name: kind for kind in kinds.listed()}
        given = self.mapping(given)
        for name in given:
            if name not in listed:
                self.refuse(_("There is no kind “%(name)s”."), name=name)
        return {
            name: self.choice(kind, given[name]) if name in given else default_choice(kind)
            for name, kind in listed.items()
        }

    def choice(self, kind: Kind, given: Any) -> Choice:
        ways = self.mapping(given, WAYS)
        choice = Choice(**{way: self.switch(ways, way, default=default) for way, default in WAYS.items()})
        # In a document of before, whoever wanted no email about a kind wants none at once either.
        at_once = self.switch(ways, "at_once", default=kind.email_at_once and choice.email)
        if at_once and not kind.email_at_once:
            self.refuse("“%(name)s” is not mailed at once.", name=kind.name)
        choice = replace(choice, at_once=at_once and kind.email_at_once)
        if kind.required and not (choice.page and choice.toast):
            self.refuse(_("“%(label)s” cannot be switched off."), label=kind.label)
            return replace(choice, page=True, toast=True)
        return choice

    def quiet(self, given: Any) -> Quiet:
        hours = self.mapping(given, HOURS)
        return Quiet(
            on=self.switch(hours, "on", default=DEFAULT_QUIET.on),
            start=self.clock(hours, "from", DEFAULT_QUIET.start),
            until=self.clock(hours, "until", DEFAULT_QUIET.until),
            zone=self.zone(hours.get("zone", "")),
        )

    def mapping(self, given: Any, known: Collection[str] | None = None) -> Mapping[str, Any]:
        """A part that has parts. known: the keys it may have; None: any."""
        if not isinstance(given, Mapping):
            self.refuse("“%(text)s” is not an object.", text=given)
            return {}
        for key in given:
            if known is not None and key not in known:
                self.refuse("There is no key “%(name)s”.", name=key)
        return given

    def switch(self, part: Mapping[str, Any], key: str, *, default: bool) -> bool:
        value = part.get(key, default)
        if not isinstance(value, bool):
            self.refuse("“%(name)s” is neither true nor false.", name=key)
            return default
        return value

    def clock(self, part: Mapping[str, Any], key: str, default: time) -> time:
        text = part.get(key)
        if isinstance(text, str) and CLOCK.fullmatch(text):
            return time.fromisoformat(text)
        if key in part:
            self.refuse(_("“%(text)s” is not a time such as 22:00."), text=text)
        return default

    def zone(self, name: Any) -> str:
        if isinstance(name, str) and (not name or name in zone_names()):
            return name
        self.refuse(_("There is no time zone “%(name)s”."), name=name)
        return ""
