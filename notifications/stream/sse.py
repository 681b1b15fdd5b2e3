"""Server-Sent Events on the wire."""

import json
import random

from django_eventstream.utils import sse_encode_event

from notifications import conf


def encode(kind: str, data: str, event_id: int | None = None) -> bytes:
    """Encodes one event; `data` may have several lines."""
    # eventstream drops an id that is falsy; positions begin at 1.
    encoded: str = sse_encode_event(kind, data, event_id=event_id)
    return encoded.encode()


def opening(cursor: int) -> bytes:
    """The first bytes: the reconnection time, and the id to resume from should nothing else arrive before a break."""
    return f"retry: {jittered(conf.retry_milliseconds())}\nid: {cursor}\n\n".encode()


def retry(milliseconds: int) -> bytes:
    """Sets the reconnection time alone."""
    return f"retry: {jittered(milliseconds)}\n\n".encode()


def reset(cursor: int) -> bytes:
    """Tells the client that its cursor is too old: reload, and go on from this one."""
    return encode("reset", json.dumps({"cursor": cursor}), cursor)


def bye(milliseconds: int) -> bytes:
    """Asks the client to come back after about this time; the answer ends behind it."""
    delay = jittered(milliseconds)
    return f"retry: {delay}\n".encode() + encode("bye", json.dumps({"retry": delay}))


PING = encode("ping", "{}")


def jittered(milliseconds: int) -> int:
    """Between once and twice the time, so that many clients do not come at the same moment."""
    return int(milliseconds * random.uniform(1, 2))  # noqa: S311
