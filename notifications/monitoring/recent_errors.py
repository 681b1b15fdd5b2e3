"""The latest errors of this process."""

import json
import logging
from collections import deque
from datetime import UTC, datetime
from typing import Any

# Errors remembered for the operators' page, and how much of each.
REMEMBERED = 20
LONGEST = 300


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
