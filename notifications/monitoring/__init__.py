"""Monitoring: the state of the processes, for operators, metric scrapers and load balancers.

`heartbeat` stores each process's report in a row, `dashboard` and `charts` show the reports, `delivery_trace` and `why`
explain the delivery of one event, `health` and `exporter` answer /readyz and /metrics, and `recent_errors` keeps the latest
errors.

LOGGING names `RecentErrors` and is read before the apps are loaded, so importing this package imports no model.
May import: everything but api, views, server and admin.
"""

from typing import TYPE_CHECKING, Any

from notifications.monitoring.recent_errors import RecentErrors

if TYPE_CHECKING:
    from notifications.monitoring.exporter import may_read
    from notifications.monitoring.health import check_health

__all__ = ["RecentErrors", "check_health", "may_read"]


def __getattr__(name: str) -> Any:
    """Imports the functions at their first use (PEP 562)."""
    if name not in ("check_health", "may_read"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from notifications.monitoring.exporter import may_read
    from notifications.monitoring.health import check_health

    return {"check_health": check_health, "may_read": may_read}[name]
