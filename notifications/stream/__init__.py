"""Streams: the ASGI application that answers GET with Server-Sent Events out of the log.

A request is checked (`request`), authenticated and planned in a batch with those that wait (`opening`, `authentication`,
`plan`), counted against the limits (`limits`), and becomes a `connection`. The `tail` reads the log once per process and
gives each `entry` to the `hub`, which writes it to the `listener` of every stream that reads its channel.

Invariants, each with a test (docs/design.md):
- A stream delivers strictly increasing positions.
- What a stream delivered and what a resume delivers is together what the log holds for its channels.
- An error of one stream ends that stream alone.

May import: notifications.subscriptions, preferences, log, models, kinds, metrics, tracing, concurrency, conf.
"""

from notifications.stream.application import EventStream
from notifications.stream.opening import each
from notifications.stream.plan import Plan
from notifications.stream.request import Refused

__all__ = ["EventStream", "Plan", "Refused", "each"]
