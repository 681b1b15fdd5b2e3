"""Work with the database away from the event loop."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import connections

P = ParamSpec("P")
T = TypeVar("T")


def and_disconnect(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Does the work and closes its connections: the thread may never run again, and nobody else could (trap 20)."""
    try:
        return work(*args, **kwargs)
    finally:
        connections.close_all()
