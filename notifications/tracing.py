"""Trace ids: each log line carries the id of its request or stream.

LOGGING names this module, and is read before any app is loaded: nothing here may import models.
"""

import logging
import random
import re
from contextvars import ContextVar

# The ids of a proxy that are taken over; for any other, a new one is made.
TRACE = re.compile(r"[A-Za-z0-9._-]{8,64}")

_trace: ContextVar[str] = ContextVar("trace", default="-")
_worker = ""


def begin_trace(asked: str = "") -> str:
    """Sets the trace id of this task and of those that it starts; returns it. asked: the id to take over, if it matches TRACE."""
    # No secret. The system's random bytes are a call that lets go of the GIL, at each opening of a stream.
    name = asked if TRACE.fullmatch(asked) else f"{random.getrandbits(48):012x}"
    _trace.set(name)
    return name


def trace() -> str:
    """The trace id of the present task; "-" without one."""
    return _trace.get()


def name_worker(number: int) -> None:
    """Makes this process the worker of this number in its log lines."""
    global _worker
    # With the blank that separates it from the word before: a single process has neither.
    _worker = f" worker-{number}"


class TraceFilter(logging.Filter):
    """Adds the present trace id to each record as `trace`, and as `worker` which of several workers this process is."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.trace = _trace.get()
        record.worker = _worker
        return True
