"""Digests: emails about events that stay unread.

`sending` chooses the people and sends, `message` writes the email and its unsubscribe link.

Invariants:
- Two runs at once send no email twice: a run claims a person's row before it sends.
- A mail server that is down loses no email: a person who was not reached is due again in the next run.

May import: notifications.inbox, preferences, log, models, conf.
"""

from notifications.digests.sending import MailServerDown, Outcome, digest_of, due, send_all

__all__ = ["MailServerDown", "Outcome", "digest_of", "due", "send_all"]
