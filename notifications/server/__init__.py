"""`manage.py serve`: Daphne with what streams need.

`daphne` is the server. `channel` and `request_head` take plain requests for streams from Twisted, `stream_protocol` serves
them; all other requests take Daphne's way. `direct_write` writes to sockets at once, `flow_control` waits for slow clients, `receive_queue`
passes requests to the application, `socket_activation` takes the socket that systemd passes, `error_boundary` ends a
response that failed. `adapter` offers direct writes on other servers, which `uvicorn` has. `internals` lists and checks what these use of Daphne and Twisted beyond their documented interfaces,
and `uvicorn_internals` what is used of uvicorn.

Invariants:
- Importing this package, or its modules for other servers, does not import Daphne: the application also runs on other servers, without it.
- No object is shared between requests.

May import: notifications.stream, concurrency, conf.
"""

from notifications.server.error_boundary import ErrorBoundary

__all__ = ["ErrorBoundary"]
