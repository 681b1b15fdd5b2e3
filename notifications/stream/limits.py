"""Capacity limits: how many streams a process accepts, and how many of one person."""

from notifications import conf
from notifications.log.control import control_channel
from notifications.stream.hub import Hub


class Shed(Exception):
    """There is no room for another stream: the client is asked to come back much later."""


def require_room(hub: Hub, user_id: object = None) -> None:
    """Raises Shed unless this process accepts another stream. user_id: counts this person's streams as well."""
    of_user = hub.listeners_by_channel.get(control_channel(user_id), ())
    if hub.draining or len(hub.streams) >= conf.max_streams() or len(of_user) >= conf.max_streams_per_person():
        raise Shed
