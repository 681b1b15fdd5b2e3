"""Control channels: rows of the log that change a person's open streams instead of being delivered."""

import hashlib
from typing import Any

# Prefix of the channels that steer streams; no client may read them.
CONTROL_CHANNELS = "control:"


def control_channel(user_id: Any) -> str:
    """The channel that steers a person's open streams."""
    return f"{CONTROL_CHANNELS}{user_id}"


def is_control(channel: str) -> bool:
    """Whether what is said on a channel steers streams instead of being delivered."""
    return channel.startswith(CONTROL_CHANNELS)


def session_digest(session_key: str) -> str:
    """Names a session in the log without giving its key away."""
    return hashlib.sha256(session_key.encode()).hexdigest()[:16]
