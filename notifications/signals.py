"""Django signals of this app."""

from django.dispatch import Signal

# Sent in the transaction of a change after which a user may have fewer or more unread events: a subscription that ended
# or was muted, a kind that was switched off. Argument: `user`.
unread_changed = Signal()
