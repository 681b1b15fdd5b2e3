"""Who may open a stream from where, and how many: refused before anything is sent, or shed in terms a browser understands."""

from notifications import conf
from notifications.log.control import control_channel
from notifications.stream.hub import LogListenerManager


class Shed(Exception):
    """There is no room for another stream: the client is to come back much later."""


def require_room(manager: LogListenerManager, user_id: object = None) -> None:
    """Raises Shed unless this process takes another stream, and one of this person."""
    theirs = manager.listeners_by_channel.get(control_channel(user_id), ())
    if manager.draining or len(manager.streams) >= conf.max_streams() or len(theirs) >= conf.max_streams_per_person():
        raise Shed
