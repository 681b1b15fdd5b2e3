"""Deprecated: moved to notifications.testing."""

from notifications.moved import face

__getattr__ = face(
    __name__,
    {
        "SseClient": "notifications.testing",
    },
)
