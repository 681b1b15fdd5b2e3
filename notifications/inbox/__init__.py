"""The inbox: what a person was notified of, what of it is unread, and what marks it.

Nothing is stored per person and event but the exceptions: `read_through` of the subscription says up to where everything
is read, a Reading what was done to one event by itself.

`listing` has the queries, `search` the statements for long logs, `marks` what changes, `groups` the lines of a page,
`retention` what pruning spares.

Invariants:
- The unread count is derived from the rows, never stored, so it cannot drift.
- Each change is appended to the log, so that the person's other pages show it.

May import: notifications.subscriptions, preferences, log, models, kinds, conf.
"""

from notifications.inbox.listing import CAP, PAGE, is_unread, items, page, unread_count, unread_label
from notifications.inbox.marks import MOST_CHANGED, READ, announce, change, mark_all_read, mark_read

__all__ = [
    "CAP",
    "MOST_CHANGED",
    "PAGE",
    "READ",
    "announce",
    "change",
    "is_unread",
    "items",
    "mark_all_read",
    "mark_read",
    "page",
    "unread_count",
    "unread_label",
]
