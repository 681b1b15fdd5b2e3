"""`serve --workers N`: several server processes on one address, and a parent that starts, watches and ends them.

`pool` is the parent, `slot` what it does for each of its workers, `worker` one process as the parent sees it, `assignment`
and `link` the worker's side.

A worker is a new interpreter that runs the parent's own command line, not a fork: Daphne installs Twisted's reactor when the
apps are loaded, and two processes would share its epoll; Django's threads and connections do not survive a fork either. A
new interpreter also takes the code of a new release, so that a rolling restart is a deployment. It costs the import of the
site for each worker.

All workers accept from one listening socket, which the parent opens and they inherit. Measured against a socket for each
(SO_REUSEPORT): docs/design.md, "Several workers".

Invariants:
- The parent serves nothing, has one thread and no database connection.
- While the parent lives the address is open, whatever happens to workers: a connection waits, it is not refused.
- A worker ends when its parent has ended, however that happened.

May import: notifications.server, metrics, tracing.
"""

from notifications.server.workers.assignment import Assignment
from notifications.server.workers.link import ParentLink
from notifications.server.workers.pool import WorkerPool, WorkersFailed

__all__ = ["Assignment", "ParentLink", "WorkerPool", "WorkersFailed"]
