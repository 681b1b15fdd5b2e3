"""Deprecated: moved to notifications.stream."""

from notifications.moved import face

__getattr__ = face(
    __name__,
    {
        "Plan": "notifications.stream",
    },
)
