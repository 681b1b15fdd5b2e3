"""Control channels: their events change a user's open streams, and are delivered to no client."""

import hashlib
from typing import Any

from django.contrib.sessions.backends.base import SessionBase
from django.utils.crypto import get_random_string

# Prefix of control channels; no client may read them.
CONTROL_CHANNELS = "control:"
# Where a session keeps its name.
SESSION_NAME = "_notifications_session"


def control_channel(user_id: Any) -> str:
    """Returns the control channel of a user."""
    return f"{CONTROL_CHANNELS}{user_id}"


def is_control(channel: str) -> bool:
    """Whether a channel is a control channel."""
    return channel.startswith(CONTROL_CHANNELS)


def name_session(session: SessionBase) -> None:
    """Gives a session a name of its own, for a backend whose key changes with each change of the session's data."""
    session[SESSION_NAME] = get_random_string(32)


def session_digest(session: SessionBase) -> str:
    """Returns an identifier of a session that can stand in the log: neither its key nor its name can be found from it."""
    name = session.get(SESSION_NAME) or session.session_key or ""
    return hashlib.sha256(name.encode()).hexdigest()[:16]
