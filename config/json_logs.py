"""Log lines as JSON, one object a line (LOG_FORMAT=json)."""

import time

from pythonjsonlogger.json import JsonFormatter


class JsonLines(JsonFormatter):
    """Writes the time in UTC by ISO 8601, with milliseconds, whatever TIME_ZONE is; LOGGING names the keys."""

    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03d+00:00"
    converter = staticmethod(time.gmtime)
