"""The latest errors of this process, for the operators' page."""

import logging
from collections import deque
from datetime import UTC, datetime

MAX_ERRORS = 20
# Characters of one error.
MAX_TEXT = 300

# The newest last.
recent: deque[dict[str, str]] = deque(maxlen=MAX_ERRORS)


class RecentErrors(logging.Handler):
    """Keeps the latest errors of this process, and the warnings of this app's own loggers."""

    def emit(self, record: logging.LogRecord) -> None:
        # Django warns of every page that is not found, which does not belong on the operators' page.
        if record.levelno < logging.ERROR and not record.name.startswith("notifications"):
            return
        text = record.getMessage()
        if record.exc_info and record.exc_info[0] is not None:
            text += f" ({record.exc_info[0].__name__}: {record.exc_info[1]})"
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="seconds")
        recent.append({"at": moment, "logger": record.name, "text": text[:MAX_TEXT]})
