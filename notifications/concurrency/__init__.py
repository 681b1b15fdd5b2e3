"""Building blocks for coroutines and the threads that use the database for them.

They know nothing of events or streams. May import: Django alone.
"""

from notifications.concurrency.batcher import Batcher
from notifications.concurrency.event import OneWaiterEvent
from notifications.concurrency.threads import and_disconnect

__all__ = ["Batcher", "OneWaiterEvent", "and_disconnect"]
