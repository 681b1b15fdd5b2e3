"""OneWaiterEvent-ups: the log has grown, and by what, so that a tail need neither wait for its next poll nor read the database.

Within the process the tail is called directly. Other processes hear of it through the channel layer where that reaches
across processes (Redis); otherwise they notice by polling. A lost wake-up costs time, never an event: a tail takes only
events that join on to its cursor, and reads the log wherever there is a gap.
"""

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.core import signing
from django.core.serializers.json import DjangoJSONEncoder

from notifications.models import Event

logger = logging.getLogger("notifications.wake")

GROUP = "notifications.wake"
# A publisher gives up after this many seconds, and tries again only after as many more.
TIMEOUT = 1.0
QUIET_AFTER_FAILURE = 5.0
# What of an event a wake-up carries, and how many bytes of events at most; more are read from the log.
CARRIED = ("id", "channel", "kind", "data", "url", "created_at", "position")
MOST_BYTES = 16 * 1024

_quiet_until = 0.0


class Sequenced(NamedTuple):
    """What a call of give_positions() did.

    head: the head's position now. events: those that it gave theirs, up to the head and without a gap; empty where they
    were too many to hand on.
    """

    head: int
    events: list[Event]


class Wakeable(Protocol):
    """What follows the log in this process."""

    def wake_threadsafe(self, sequenced: Sequenced) -> bool:
        """Takes what this process has sequenced; False where its loop is gone."""
        ...


_tail: Wakeable | None = None


def attach(tail: Wakeable | None) -> None:
    """Makes this the tail that wake() calls in this process; None detaches it."""
    global _tail
    _tail = tail


def layer() -> Any:
    """Returns the channel layer if it reaches other processes, else None; never raises."""
    try:
        found = get_channel_layer()
    except Exception as error:  # noqa: BLE001  whatever is wrong with it, whoever saved something must not notice
        logger.warning("the channel layer cannot be made, other processes will poll: %s", error or type(error).__name__)
        return None
    return None if found is None or isinstance(found, InMemoryChannelLayer) else found


def wake(sequenced: Sequenced) -> None:
    """Says that the log has grown; callable from any thread, never raises, never waits for long."""
    tail = _tail
    if tail is not None and tail.wake_threadsafe(sequenced):
        return
    if layer() is None:
        return
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        async_to_sync(publish)(sequenced)
    # Within somebody else's event loop nothing may block: the other processes' safety poll finds the event.


async def publish(sequenced: Sequenced) -> None:
    """Tells the other processes; a failure is logged once per quiet period."""
    global _quiet_until
    channel_layer = layer()
    if channel_layer is None or time.monotonic() < _quiet_until:
        return
    try:
        async with asyncio.timeout(TIMEOUT):
            await channel_layer.group_send(GROUP, {"type": "wake", **packed(sequenced)})
    except Exception as error:  # noqa: BLE001  whatever Redis does, whoever saved something must not notice
        _quiet_until = time.monotonic() + QUIET_AFTER_FAILURE
        logger.warning("cannot wake other processes, they will poll: %s", error or type(error).__name__)


def packed(sequenced: Sequenced) -> dict[str, Any]:
    """What a wake-up says: the head's position, and the events behind it where they are small."""
    events = [{name: getattr(event, name) for name in CARRIED} for event in sequenced.events]
    text = json.dumps(events, cls=DjangoJSONEncoder)
    if len(text) > MOST_BYTES:
        return {"position": sequenced.head, "events": ""}
    # Signed: who can write to Redis must not be able to tell people what is not in the log.
    return {"position": sequenced.head, "events": signer().sign(text)}


def unpacked(message: Mapping[str, Any]) -> Sequenced:
    """Reads a wake-up; what is not signed by this site carries no events."""
    head = int(message["position"])
    try:
        events = json.loads(signer().unsign(message["events"]))
        created = [datetime.fromisoformat(event.pop("created_at")) for event in events]
        return Sequenced(head, [Event(**event, created_at=at) for event, at in zip(events, created, strict=True)])
    except (KeyError, TypeError, ValueError, signing.BadSignature):
        return Sequenced(head, [])


def signer() -> signing.Signer:
    """Signs what goes through the channel layer."""
    return signing.Signer(salt=GROUP)
