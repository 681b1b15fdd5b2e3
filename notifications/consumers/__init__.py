"""Consumers: functions that get every event of the log, each from a cursor of its own, whether anybody has a page open or not.

`registry` has the functions, `batch` what they are given and may raise, `lease` who runs them, `worker` runs one of them, and
`runner` all of them in one process (`manage.py deliver`), woken as the tails are.

Invariants:
- One process at a time runs a consumer: it holds a lease, which another process can take once it has expired.
- The cursor moves after the function has returned: an event is handled at least once, in the order of the log.
- Only the holder of the lease moves the cursor.
- An event that fails again and again is set aside: it is named in the log and counted, and the next one is handled.

May import: notifications.stream, log, models, metrics, conf.
"""

from notifications.consumers.batch import Batch, Interrupted, TryLater
from notifications.consumers.registry import Consumer, consumer

__all__ = ["Batch", "Consumer", "Interrupted", "TryLater", "consumer"]
