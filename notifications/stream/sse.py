"""Encodes Server-Sent Events.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import json
import random

from django_eventstream.utils import sse_encode_event

from notifications import conf
from notifications.log import Cursor, cursor_id


def encode(kind: str, data: str, event_id: str | None = None) -> bytes:
    """Encodes one event; `data` may have several lines."""
    encoded: str = sse_encode_event(kind, data, event_id=event_id)
    return encoded.encode()


def opening(cursor: str) -> bytes:
    """The first bytes of a stream: the reconnection time, and the id to resume from if nothing else arrives."""
    return f"retry: {jittered(conf.retry_milliseconds())}\nid: {cursor}\n\n".encode()


def only_id(event_id: str) -> bytes:
    """Sets the id that the client resumes from, without an event: a block without data is not dispatched."""
    return id_line(event_id) + b"\n"


def id_line(event_id: str) -> bytes:
    """The first line of a block: with it, a block that is no event of the log sets the id that the client resumes from."""
    return f"id: {event_id}\n".encode()


def retry(milliseconds: int) -> bytes:
    """Sets the reconnection time of the client."""
    return f"retry: {jittered(milliseconds)}\n\n".encode()


def reset(cursor: Cursor) -> bytes:
    """Asks the client to reload, because its cursor is not in the log, and to go on from this one."""
    data = {"cursor": cursor.position, "epoch": cursor.epoch}
    return encode("reset", json.dumps(data), cursor_id(cursor.epoch, cursor.position))


def bye(milliseconds: int) -> bytes:
    """Asks the client to reconnect after once to twice this time; the response ends after it."""
    delay = jittered(milliseconds)
    return f"retry: {delay}\n".encode() + encode("bye", json.dumps({"retry": delay}))


PING = encode("ping", "{}")


def jittered(milliseconds: int) -> int:
    """A random time from once to twice as long, so that many clients do not reconnect at the same moment."""
    return int(milliseconds * random.uniform(1, 2))  # noqa: S311
