"""Emails at once: one email about one event, to each reader who wants that of its kind.

`queueing` is a consumer of the log that makes a row for each reader, `sending` sends the rows that are due, and `letter`
writes the email.

Invariants:
- A reader has one row for an event, and a process claims the row before it sends.
- A row is settled after its email was taken by the mail server: a mail server that is down loses none.
- Nothing is sent about an event that the reader has read, dismissed or switched off, or that was retracted.

May import: notifications.digests, consumers, inbox, preferences, log, models, kinds, conf.
"""

__all__: list[str] = []
