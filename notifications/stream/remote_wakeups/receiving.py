"""Chooses the receiver for the way in which this site sends wake-ups."""

from notifications.log import wakeups
from notifications.stream.remote_wakeups.arrivals import Arrivals
from notifications.stream.remote_wakeups.datagram_receiver import receive_datagrams
from notifications.stream.remote_wakeups.layer_receiver import receive_from_layer
from notifications.stream.remote_wakeups.notify_receiver import receive_notifications

RECEIVERS = {
    wakeups.LAYER: receive_from_layer,
    wakeups.NOTIFY: receive_notifications,
    wakeups.DATAGRAMS: receive_datagrams,
}


async def receive_wakeups(arrivals: Arrivals) -> None:
    """Receives until it is cancelled."""
    try:
        await RECEIVERS[wakeups.way()](arrivals)
    finally:
        arrivals.do_arrive = False
