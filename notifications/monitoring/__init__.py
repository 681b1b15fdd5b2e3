"""Monitoring: how the processes are doing, for operators, scrapers and load balancers.

`heartbeat` has each process report itself in a row, `dashboard` and `charts` show the reports, `delivery_trace` and `why`
answer what became of one event, `health` and `exporter` answer /readyz and /metrics, `recent_errors` keeps the latest
errors.

`RecentErrors` is named in LOGGING, which is read before the apps are loaded: importing this package
imports no model.
May import: everything but api, views, server and admin.
"""

from typing import TYPE_CHECKING, Any

from notifications.monitoring.recent_errors import RecentErrors

if TYPE_CHECKING:
    from notifications.monitoring.health import check_health

__all__ = ["RecentErrors", "check_health"]


def __getattr__(name: str) -> Any:
    """Imports check_health() when it is first used (PEP 562)."""
    if name != "check_health":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from notifications.monitoring.health import check_health

    return check_health
