"""Changing what a person is told of, and how; it takes effect on open streams at once, through the log."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import time
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications import kinds, log
from notifications.kinds import Kind
from notifications.log.control import control_channel
from notifications.models import Preference
from notifications.preferences import choices
from notifications.preferences.choices import Choice, Choices, Quiet
from notifications.signals import unread_changed

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser


CHANGED = Kind("inbox.preferences", label=gettext_lazy("Settings changed"), listed=False)


def save(user: "AbstractBaseUser", wanted: Choices) -> Choices:
    """Stores a person's choices and tells the open streams and pages; returns them as they are now."""
    with transaction.atomic():
        before = choices.of(user)
        stored = wanted.as_json()
        del stored["quiet_now"]
        Preference.objects.update_or_create(user_id=user.pk, defaults={"choices": stored})
        if wanted.silenced != before.silenced:
            log.append(control_channel(user.pk), "control.silenced", {"kinds": sorted(wanted.silenced)})
            unread_changed.send(sender=Preference, user=user)
        log.append(f"user:{user.pk}", CHANGED.name, wanted.as_json())
    return wanted


def remember_language(user: "AbstractBaseUser", language: str) -> None:
    """Notes in which language a person reads, for what is written while nobody is there to ask."""
    Preference.objects.update_or_create(user_id=user.pk, defaults={"language": language})


def without_email(user: "AbstractBaseUser") -> Choices:
    """Switches all email off, whatever the kind."""
    return save(user, replace(choices.of(user), email=False))


def checked(kinds_wanted: Mapping[str, Choice], quiet: Quiet, *, email: bool = True) -> Choices:
    """Returns complete choices; kinds that are not mentioned have their defaults.

    Raises ValidationError for an unknown kind or zone, and where a required kind would be switched off.
    """
    known = {kind.name: kind for kind in kinds.listed()}
    for name, choice in kinds_wanted.items():
        if name not in known:
            raise ValidationError(_("There is no kind “%(name)s”."), params={"name": name})
        if known[name].required and not (choice.page and choice.toast):
            raise ValidationError(_("“%(label)s” cannot be switched off."), params={"label": known[name].label})
    if quiet.zone and quiet.zone not in choices.zone_names():
        raise ValidationError(_("There is no time zone “%(name)s”."), params={"name": quiet.zone})
    return Choices({name: kinds_wanted.get(name, Choice()) for name in known}, quiet, email)


def clock(text: str) -> time:
    """Reads an hour and minute such as 22:00; raises ValidationError."""
    try:
        moment = time.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or len(text) != len("22:00") or moment.tzinfo is not None:
        raise ValidationError(_("“%(text)s” is not a time such as 22:00."), params={"text": text})
    return moment


def from_form(posted: Mapping[str, Any]) -> Choices:
    """Reads the form of the preferences page: checkboxes "<kind>:<way>", and the quiet hours. Raises ValidationError."""
    wanted = {}
    for kind in kinds.listed():
        # A browser sends no disabled checkbox: what cannot be switched off is on.
        fixed = kind.required
        wanted[kind.name] = Choice(
            page=fixed or f"{kind.name}:page" in posted,
            toast=fixed or f"{kind.name}:toast" in posted,
            desktop=f"{kind.name}:desktop" in posted,
            email=f"{kind.name}:email" in posted,
        )
    start, until = clock(posted.get("quiet_from", "22:00")), clock(posted.get("quiet_until", "07:00"))
    quiet = Quiet("quiet_on" in posted, start, until, posted.get("zone", ""))
    return checked(wanted, quiet, email="email" in posted)
