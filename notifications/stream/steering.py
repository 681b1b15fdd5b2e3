"""Steering: changes of what an open stream carries, by control events of the log or by a new plan."""

from notifications.stream.entry import Entry
from notifications.stream.hub import Hub
from notifications.stream.listener import StreamListener
from notifications.stream.plan import Plan


def steer(hub: Hub, stream: StreamListener, entry: Entry) -> None:
    """Applies a control event to a stream, at the event's place in the order of the log."""
    data = entry.event.data
    match entry.kind:
        case "control.subscribed" if not stream.is_fixed:
            hub.join(stream, data["channel"], data["since"])
        case "control.unsubscribed":
            hub.leave(stream, data["channel"])
        case "control.silenced":
            stream.muted_kinds = frozenset(data["kinds"])
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
