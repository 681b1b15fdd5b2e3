"""The fan-out: gives entries of the log to the streams that carry their channels."""

import logging
import time
from collections.abc import Sequence

from notifications import metrics
from notifications.log.control import is_control
from notifications.stream.entry import Entry, Variant
from notifications.stream.hub import Hub
from notifications.stream.listener import StreamListener
from notifications.stream.steering import steer

logger = logging.getLogger(__name__)


def fan_out(hub: Hub, entries: Sequence[Entry]) -> None:
    """Delivers entries, in the order of the log, and applies the control events among them. Called by the tail.

    Each stream is written to once, however many entries there are; an error of one stream ends that stream alone.
    """
    # A single entry needs no queue, unless it ends its streams.
    is_single, now = len(entries) == 1 and not entries[0].terminal, time.monotonic()
    # A dict, because it keeps the order in which the streams were reached.
    queued: dict[StreamListener, None] = {}
    delivered: list[tuple[Entry, int]] = []
    for entry in entries:
        if entry.is_retracted:
            continue
        listeners = hub.listeners_of(entry.channel)
        streams = [listener for listener in listeners if isinstance(listener, StreamListener)]
        if is_control(entry.channel):
            for stream in streams:
                steer(hub, stream, entry)
            continue
        delivered.append((entry, len(listeners)))
        framed: dict[Variant, bytes] = {}
        for stream in streams:
            if not (is_single and stream.write_now(entry, framed, now)):
                stream.queue(entry)
                queued[stream] = None
        if len(streams) < len(listeners):
            hub.add_to_plain_queues(entry)
    for stream in queued:
        try:
            stream.flush()
        except Exception:
            logger.exception("a stream of user %s broke; the client will resume", stream.user_id)
            stream.close()
    metrics.fanned_out(delivered)
