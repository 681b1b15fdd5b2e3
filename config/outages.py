"""A log filter that reduces the repeated failures of one outage to one line."""

import logging
import time

# Seconds without a failure after which the next one begins another outage. Every retry in this site comes sooner.
QUIET = 30.0


def is_outage(error: BaseException) -> bool:
    """Whether the error is a failed connection, or any error of Redis."""
    # Compared by name, so that redis is imported only where it is used.
    return isinstance(error, OSError) or type(error).__module__ == "redis.exceptions"


class OnceAnOutage(logging.Filter):
    """Passes the first of several equal warnings, and the first failure to connect, which it shortens to one line.

    Other records pass unchanged: an error that is not an outage keeps its traceback.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record begins an outage, or belongs to none."""
        error = record.exc_info[1] if record.exc_info else None
        if not (record.levelno == logging.WARNING if error is None else is_outage(error)):
            return True
        now = time.monotonic()
        # The text without its arguments, because the arguments differ from failure to failure.
        last = self._seen.get((record.name, str(record.msg)))
        self._seen[record.name, str(record.msg)] = now
        if last is not None and now - last < QUIET:
            return False
        if error is not None:
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            record.msg, record.args = f"{record.getMessage()}: {reason} (not repeated until it is over)", None
            record.exc_info = record.exc_text = None
        return True
