"""One line in the log for each outage of a service, however often somebody fails to reach it."""

import logging
import time

# Seconds without a failure after which the next one begins another outage. Whoever retries does so more often than that.
QUIET = 30.0


def is_outage(error: BaseException) -> bool:
    """Whether a service could not be reached, or Redis would not do its work."""
    # By name: Redis is not loaded where it is not used.
    return isinstance(error, OSError) or type(error).__module__ == "redis.exceptions"


class OnceAnOutage(logging.Filter):
    """Passes the first of a run of equal warnings, and of failures to connect, which it cuts down to one line.

    Anything else passes as it is: an error that is not an outage keeps its traceback.
    """

    def __init__(self) -> None:
        """Makes a filter that has seen nothing yet."""
        super().__init__()
        self._seen: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this record begins an outage, or has nothing to do with one."""
        error = record.exc_info[1] if record.exc_info else None
        if not (record.levelno == logging.WARNING if error is None else is_outage(error)):
            return True
        now = time.monotonic()
        # By the text before its arguments: these name one reason now and another then.
        last = self._seen.get((record.name, str(record.msg)))
        self._seen[record.name, str(record.msg)] = now
        if last is not None and now - last < QUIET:
            return False
        if error is not None:
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            record.msg, record.args = f"{record.getMessage()}: {reason} (not repeated until it is over)", None
            record.exc_info = record.exc_text = None
        return True
