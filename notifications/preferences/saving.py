"""Changes a person's preferences. Open streams and pages follow at once: the change is appended to the log."""

from dataclasses import replace
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext_lazy

from notifications import log
from notifications.kinds import Kind
from notifications.log.control import control_channel
from notifications.models import Preference
from notifications.preferences.document import Preferences
from notifications.preferences.reading import of
from notifications.signals import unread_changed

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser


CHANGED = Kind("inbox.preferences", label=gettext_lazy("Settings changed"), listed=False)


def save(user: "AbstractBaseUser", wanted: Preferences) -> Preferences:
    """Stores a person's preferences, with the event that announces them; returns them."""
    with transaction.atomic(using=log.database()):
        before = of(user)
        stored = wanted.as_json()
        del stored["quiet_now"]
        Preference.objects.update_or_create(user_id=user.pk, defaults={"choices": stored})
        if wanted.silenced != before.silenced:
            log.append(control_channel(user.pk), "control.silenced", {"kinds": sorted(wanted.silenced)})
            unread_changed.send(sender=Preference, user=user)
        log.append(f"user:{user.pk}", CHANGED.name, wanted.as_json())
    return wanted


def remember_language(user: "AbstractBaseUser", language: str) -> None:
    """Stores the language in which a person reads: emails are written without a request to ask."""
    Preference.objects.update_or_create(user_id=user.pk, defaults={"language": language})


def without_email(user: "AbstractBaseUser") -> Preferences:
    """Switches all email off, for every kind."""
    return save(user, replace(of(user), email=False))
