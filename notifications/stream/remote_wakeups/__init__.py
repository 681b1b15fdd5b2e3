"""Wake-ups of other processes: received in the way in which this site sends them (log/wakeups.py), and handed to the tail.

`arrivals` has what all ways share, `layer_receiver` receives through Redis, `notify_receiver` by LISTEN on PostgreSQL,
`datagram_receiver` on SQLite. While nothing arrives, the tail polls more often.

May import: notifications.log.
"""

from notifications.stream.remote_wakeups.arrivals import Arrivals
from notifications.stream.remote_wakeups.notify_receiver import is_notify_heard
from notifications.stream.remote_wakeups.receiving import receive_wakeups

__all__ = ["Arrivals", "is_notify_heard", "receive_wakeups"]
