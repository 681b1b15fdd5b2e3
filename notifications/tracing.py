"""Log lines that can be followed: each with the id of its request or stream, as text or as JSON; and the latest errors.

Named in LOGGING, which is read before any app is there: nothing of Django's models may be imported here.
"""

import logging
import re
import secrets
from contextvars import ContextVar

# What a proxy may call a request; anything else is given a name of our own.
TRACE = re.compile(r"[A-Za-z0-9._-]{8,64}")

_trace: ContextVar[str] = ContextVar("trace", default="-")


def begin_trace(asked: str = "") -> str:
    """Names what this task does from now on, by what its client calls it if that is fit; returns the name."""
    name = asked if TRACE.fullmatch(asked) else secrets.token_hex(6)
    _trace.set(name)
    return name


def trace() -> str:
    """What begin_trace() named the present task; "-" outside of any."""
    return _trace.get()


class TraceFilter(logging.Filter):
    """Adds `trace`, the id of the request or stream that a line is about; "-" outside of any."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Adds it; keeps every line."""
        record.trace = _trace.get()
        return True
