"""Concurrency: building blocks for coroutines, and for threads that use the database for them.

`batcher` does waiting work in one batch, `event` wakes a single waiter, `threads` closes a thread's connections, and
`write_queue` lets transactions on SQLite wait for each other in a queue.
They know nothing of events or streams.

May import: Django alone.
"""

from notifications.concurrency.batcher import Batcher
from notifications.concurrency.event import OneWaiterEvent
from notifications.concurrency.threads import and_disconnect

__all__ = ["Batcher", "OneWaiterEvent", "and_disconnect"]
