"""`manage.py serve`: Daphne with what streams need.

`daphne` is the server, `direct_write` writes to sockets at once, `receive_queue` hands requests to the application,
`socket_activation` takes systemd's socket, `error_boundary` ends an answer that broke. Importing this package does not
import Daphne, so that the application runs on another server without it.
May import: notifications.stream, concurrency, conf.
"""

from notifications.server.error_boundary import ErrorBoundary

__all__ = ["ErrorBoundary"]
