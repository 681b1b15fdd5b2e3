"""`manage.py serve`: Daphne with what streams need.

`daphne` is the server. `channel` and `request_head` take plain requests for streams from Twisted, `stream_protocol` serves
them; all other requests take Daphne's way. `direct_write` writes to sockets at once, `flow_control` waits for slow clients, `receive_queue`
passes requests to the application, `socket_activation` takes the socket that systemd passes, `error_boundary` ends a
response that failed. `internals` lists and checks what these use of Daphne and Twisted beyond their documented interfaces.

On other servers `shutdown` ends the streams for which they wait, and `adapter` offers direct writes where there are any:
`uvicorn` has them, and `uvicorn_internals` what they use of it.

Invariants:
- Importing this package, or its modules for other servers, does not import Daphne: there the application runs without it.
- No object is shared between requests.

May import: notifications.stream, concurrency, conf.
"""

from notifications.server.error_boundary import ErrorBoundary

__all__ = ["ErrorBoundary"]
