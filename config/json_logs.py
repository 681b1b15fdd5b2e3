"""Log lines as JSON, one object a line (LOG_FORMAT=json)."""

import time
from typing import Any

from pythonjsonlogger.json import JsonFormatter


class JsonLines(JsonFormatter):
    """Writes the time in UTC by ISO 8601, with milliseconds, whatever TIME_ZONE is; LOGGING names the keys."""

    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03d+00:00"
    converter = staticmethod(time.gmtime)

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """Leaves out the worker where there is one process."""
        worker = str(log_data.pop("worker", "")).strip()
        return super().process_log_record({**log_data, **({"worker": worker} if worker else {})})
