"""Preferences: of what a person wants to be notified, by which ways, at which hours and in which language.

`document` has the values and their JSON, `parsing` makes them of a document, `reading` and `saving` are the database.

Invariants:
- A document that another release stored is read without an error; one that is to be saved is checked in full.
- A change is appended to the log in the transaction that makes it, and applies to open streams from that position on.
- A required kind cannot be switched off.

May import: notifications.log, models, kinds, signals, conf.
"""

from notifications.preferences.document import Choice, Preferences, Quiet
from notifications.preferences.parsing import checked, from_form, from_stored, parse, zone_names
from notifications.preferences.reading import Look, look, of, silenced_of_all
from notifications.preferences.saving import CHANGED, remember_language, save, without_email

__all__ = [
    "CHANGED",
    "Choice",
    "Look",
    "Preferences",
    "Quiet",
    "checked",
    "from_form",
    "from_stored",
    "look",
    "of",
    "parse",
    "remember_language",
    "save",
    "silenced_of_all",
    "without_email",
    "zone_names",
]
