"""Deprecated: moved to notifications.preferences."""

from notifications.moved import face

__getattr__ = face(
    __name__,
    {
        "Choice": "notifications.preferences",
        "Quiet": "notifications.preferences",
        "look": "notifications.preferences",
        "of": "notifications.preferences",
    },
)
