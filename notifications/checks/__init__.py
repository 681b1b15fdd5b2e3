"""System checks: `manage.py check` reports settings with which streams would lose events, leak or stall.

`databases` has those of databases and processes, `requests` those of requests and streams, `notifying` those of notifiers.

May import: every package of notifications.
"""

from django.core.checks import Tags, register

from notifications.checks.databases import check_databases, check_processes, check_router, check_wakeups
from notifications.checks.notifying import check_notifiers
from notifications.checks.requests import (
    check_addresses,
    check_authenticators,
    check_eventstream,
    check_requests,
    check_sessions,
)

__all__ = ["register_checks"]


def register_checks() -> None:
    """Registers the checks with Django; called once, when the app is ready."""
    register(check_databases)
    register(check_requests)
    register(check_eventstream)
    register(check_sessions)
    register(check_authenticators)
    register(check_addresses)
    register(check_processes)
    register(check_router)
    register(check_notifiers)
    # `manage.py check --database default`, and `migrate`.
    register(check_wakeups, Tags.database)
