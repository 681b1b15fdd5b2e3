"""Digests: emails about what stays unread.

Invariants:
- Two runs at once send nothing twice: a run claims a person's row before it sends.
- A mail server that is down loses nothing: what was not sent is due in the next run.

May import: notifications.inbox, preferences, log, models, conf.
"""

from notifications.digests.sending import MailServerDown, Outcome, due, send_all, told

__all__ = ["MailServerDown", "Outcome", "due", "send_all", "told"]
