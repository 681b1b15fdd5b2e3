"""Control channels: their events change a user's open streams, and are delivered to no client."""

import hashlib
from typing import Any

# Prefix of control channels; no client may read them.
CONTROL_CHANNELS = "control:"


def control_channel(user_id: Any) -> str:
    """Returns the control channel of a user."""
    return f"{CONTROL_CHANNELS}{user_id}"


def is_control(channel: str) -> bool:
    """Whether a channel is a control channel."""
    return channel.startswith(CONTROL_CHANNELS)


def session_digest(session_key: str) -> str:
    """Returns a name for a session that can stand in the log: its key cannot be found from it."""
    return hashlib.sha256(session_key.encode()).hexdigest()[:16]
