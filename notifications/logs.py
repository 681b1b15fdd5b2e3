"""Log lines that can be followed: each with the id of its request or stream, as text or as JSON; and the latest errors.

Named in LOGGING, which is read before any app is there: nothing of Django's models may be imported here.
"""

import json
import logging
import re
import secrets
from collections import deque
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

# What a proxy may call a request; anything else is given a name of our own.
TRACE = re.compile(r"[A-Za-z0-9._-]{8,64}")
# Errors remembered for the operators' page, and how much of each.
REMEMBERED = 20
LONGEST = 300

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


class JsonFormatter(logging.Formatter):
    """One JSON object a line; what was logged with `extra={"fields": {…}}` becomes keys of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """Encodes a line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "trace": getattr(record, "trace", "-"),
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


# The newest last.
recent: deque[dict[str, str]] = deque(maxlen=REMEMBERED)


class RecentErrors(logging.Handler):
    """Remembers the latest errors of this process, and the warnings of the notifications themselves."""

    def emit(self, record: logging.LogRecord) -> None:
        """Remembers a line."""
        # Django warns of every page that is not found: no operator wants to see that here.
        if record.levelno < logging.ERROR and not record.name.startswith("notifications"):
            return
        text = record.getMessage()
        if record.exc_info and record.exc_info[0] is not None:
            text += f" ({record.exc_info[0].__name__}: {record.exc_info[1]})"
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="seconds")
        recent.append({"at": moment, "logger": record.name, "text": text[:LONGEST]})
