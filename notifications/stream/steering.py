"""Steering: changes of what an open stream carries, by control events of the log or by a new plan."""

import logging

from notifications.stream.entry import Entry
from notifications.stream.hub import Hub
from notifications.stream.listener import StreamListener
from notifications.stream.plan import Plan

logger = logging.getLogger("notifications.streams")


def steer(hub: Hub, stream: StreamListener, entry: Entry) -> None:
    """Applies a control event to a stream, at the event's place in the order of the log. Never raises.

    An event that cannot be read (of another release, or of other origin) has the stream planned again, from the database.
    """
    try:
        _apply(hub, stream, entry)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        logger.warning("control event %d cannot be read (%r): the stream is planned again", entry.position, error)
        stream.recheck()


def _apply(hub: Hub, stream: StreamListener, entry: Entry) -> None:
    """Applies a control event. Subscriptions and preferences change no fixed stream: its planner alone decides its content."""
    data = entry.event.data
    match entry.kind:
        case "control.subscribed" if not stream.is_fixed:
            hub.join(stream, str(data["channel"]), int(data["since"]))
        case "control.unsubscribed" if not stream.is_fixed:
            hub.leave(stream, data["channel"])
        case "control.silenced" if not stream.is_fixed:
            stream.muted_kinds = frozenset(map(str, data["kinds"]))
        case "control.session_ended":
            if stream.session == data["session"]:
                stream.close()
        case "control.user_changed":
            stream.recheck()


def apply_plan(hub: Hub, stream: StreamListener, plan: Plan) -> None:
    """Gives a stream the channels and muted kinds of a plan that was made after its own."""
    stream.muted_kinds = plan.silenced
    for channel in set(stream.since) - set(plan.channels):
        hub.leave(stream, channel)
    for channel in set(plan.channels) - set(stream.since):
        hub.join(stream, channel, plan.channels[channel])
