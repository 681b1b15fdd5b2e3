"""Deprecated: moved to notifications.stream."""

from notifications.moved import face

__getattr__ = face(
    __name__,
    {
        "Refused": "notifications.stream",
        "each": "notifications.stream",
    },
)
