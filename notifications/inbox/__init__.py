"""The inbox of a user: its events, the unread count, and the changes from unread to read.

It is derived from the log. A subscription's `read_through` is the position up to which everything is read; only exceptions
from it are stored for a user and an event, as a Reading.

`listing` has the queries, `search` runs the statements for long logs, `marks` has the changes, `groups` makes the lines of a
page, and `retention` prunes.

Invariants:
- The unread count is derived from the rows, never stored, so it cannot drift.
- Each change is appended to the log, so that the user's other pages show it.

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
