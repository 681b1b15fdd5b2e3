"""Streams: an ASGI application that answers GET with Server-Sent Events from the log.

The life of a stream:

1. `application` takes the request. `request` checks it and `limits` counts it, before a thread or the database works for it.
2. `opening` authenticates (`authentication`) and plans (`plan`) it, in one batch with all requests that are waiting.
3. `connection` attaches to the `hub`: the stream's `listener`, which holds all its state, is added under its channels.
4. `catch_up` brings the entries between the client's cursor and the attachment, from the `backlog` in memory or the log.
5. The `tail` reads the log once per process. `fan_out` gives each `entry` to the listeners of its channel: an idle stream is
   written to at once, any other one queues the entry for its own task. A queue that overflows is dropped, and caught up.
   `steering` applies control events, such as a new subscription or a log-out.
6. While nothing happens, `clock` sends pings, which carry the cursor, and ends the stream at its deadline or greatest age.
7. The stream ends: the client left, a terminal event was delivered, or `bye` asks the client to come back. `presence` keeps
   how it went.

`asgi` and `response` are the writing side, `sse` the encoding, `runtime` the tail of this process, `remote_wakeups` the
wake-ups that other processes send.

Invariants, each with a test (docs/design.md):
- A stream delivers strictly increasing positions.
- The entries that a stream delivered and those that a resume delivers are together those of the log for its channels.
- An error of one stream ends that stream alone, and is never raised into the server.
- A stream that is open holds no thread and no database connection.

May import: notifications.tokens, subscriptions, preferences, log, models, kinds, metrics, tracing, concurrency, conf.
"""

from notifications.stream.application import EventStream
from notifications.stream.opening import each
from notifications.stream.plan import Plan
from notifications.stream.request import Refused

__all__ = ["EventStream", "Plan", "Refused", "each"]
