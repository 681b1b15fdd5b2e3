"""Database work in threads, away from the event loop."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import connections

P = ParamSpec("P")
T = TypeVar("T")


def and_disconnect(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Does the work and closes the thread's connections: only their own thread can close them, and it may never run again.

    (Trap 20.)
    """
    try:
        return work(*args, **kwargs)
    finally:
        connections.close_all()
