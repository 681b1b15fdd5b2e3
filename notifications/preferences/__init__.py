"""Preferences: what a person wants to be notified of, by which ways, at which hours and in which language.

Invariants:
- A stored document that another release wrote is read without an error.
- A change is appended to the log in the transaction that makes it, and applies to open streams from that position on.
- A required kind cannot be switched off.

May import: notifications.log, models, kinds, conf.
"""

from notifications.preferences.choices import Choice, Choices, Look, Quiet, look, of, read, silenced_of_all, zone_names
from notifications.preferences.saving import CHANGED, checked, clock, from_form, remember_language, save, without_email

__all__ = [
    "CHANGED",
    "Choice",
    "Choices",
    "Look",
    "Quiet",
    "checked",
    "clock",
    "from_form",
    "look",
    "of",
    "read",
    "remember_language",
    "save",
    "silenced_of_all",
    "without_email",
    "zone_names",
]
