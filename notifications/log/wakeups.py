"""Wake-ups: they tell tails that the log has grown, and carry small events, so that a tail need neither poll nor read.

The tail of this process is called directly. Other processes get the wake-up in one of three ways (`way`):

- through the channel layer, if that reaches other processes (Redis);
- otherwise on PostgreSQL by LISTEN and NOTIFY, which the sequencer sends (`numbering`), and which carries the head alone;
- otherwise on SQLite by datagrams (`datagrams`).

A lost wake-up costs time, never an event: a tail takes only events that follow on its cursor, reads the log wherever there is
a gap, and polls.
"""

import asyncio
import json
import logging
import os
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.core import signing
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections
from django.utils.crypto import get_random_string

from notifications import conf
from notifications.log import datagrams
from notifications.log.alias import database
from notifications.models import Event

logger = logging.getLogger("notifications.wake")

GROUP = "notifications.wake"
# Seconds after which publishing gives up, and for which it is then not tried again.
TIMEOUT = 1.0
QUIET_AFTER_FAILURE = 5.0
# The ways in which wake-ups reach other processes.
LAYER, NOTIFY, DATAGRAMS, NONE = "channel layer", "LISTEN and NOTIFY", "datagrams", ""
# The fields of an event in a wake-up, and the bytes of all events at most; tails read larger ones from the log.
CARRIED = ("id", "channel", "kind", "data", "url", "created_at", "position")
MOST_BYTES = 16 * 1024

_NAME = get_random_string(8)
_quiet_until = 0.0


class Sequenced(NamedTuple):
    """The result of give_positions().

    head: the position of the head. events: the events that got their positions, up to the head and without a gap; empty
    if there are more than a wake-up carries. epoch: of the log; empty in a wake-up of the release before.
    """

    head: int
    events: list[Event]
    epoch: str = ""


class Wakeable(Protocol):
    """A follower of the log in this process: the tail."""

    def wake_threadsafe(self, sequenced: Sequenced) -> bool:
        """Takes events that this process has sequenced; False if its event loop has ended."""
        ...


_tail: Wakeable | None = None
# The socket on which this process receives datagrams.
_own: Path | None = None


def attach(tail: Wakeable | None) -> None:
    """Sets the tail that wake() calls in this process; None removes it."""
    global _tail
    _tail = tail


def sender() -> str:
    """Returns the name of this process in notifications: its tail ignores its own, because it is called directly."""
    # Forks share the random part.
    return f"{os.getpid()}-{_NAME}"


def receive_at(path: Path | None) -> None:
    """Sets the socket on which this process receives datagrams, so that it sends none to itself; None removes it."""
    global _own
    _own = path


def layer() -> Any:
    """Returns the channel layer if it reaches other processes, else None. Never raises."""
    try:
        found = get_channel_layer()
    except Exception as error:  # noqa: BLE001  a broken layer must not fail the request that saved
        logger.warning("the channel layer cannot be made, other processes will poll: %s", error or type(error).__name__)
        return None
    return None if found is None or isinstance(found, InMemoryChannelLayer) else found


def way() -> str:
    """Returns the way in which wake-ups reach other processes; NONE if they find events by polling alone."""
    if layer() is not None:
        return LAYER
    if not conf.wakes_processes():
        return NONE
    alias = database()
    if connections[alias].vendor == "postgresql":
        return NOTIFY
    return DATAGRAMS if datagrams.folder_of(alias) else NONE


def carry_events() -> bool:
    """Whether wake() hands events to anybody, so that they need be read."""
    return _tail is not None or layer() is not None or _mailboxes() is not None


def wake(sequenced: Sequenced) -> None:
    """Wakes the tails; can be called from any thread, never raises, never blocks for long."""
    tail = _tail
    if tail is not None and tail.wake_threadsafe(sequenced):
        return
    if layer() is None:
        send_to_processes(sequenced)
        return
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        async_to_sync(publish)(sequenced)
    # Code within an event loop must not block: the other processes find the event by polling.


def send_to_processes(sequenced: Sequenced) -> None:
    """Wakes the other processes of a site on SQLite; never blocks, never raises."""
    if (folder := _mailboxes()) is not None:
        datagrams.send_datagram(folder, json.dumps(packed(sequenced)).encode(), _own)


def _mailboxes() -> Path | None:
    """Returns the folder to which datagrams are sent; None if nobody has made it, or none are sent."""
    folder = datagrams.folder_of(database()) if conf.wakes_processes() else None
    return folder if folder is not None and folder.exists() else None


async def publish(sequenced: Sequenced) -> None:
    """Wakes the other processes. A failure is logged once in QUIET_AFTER_FAILURE seconds."""
    global _quiet_until
    channel_layer = layer()
    if channel_layer is None or time.monotonic() < _quiet_until:
        return
    try:
        async with asyncio.timeout(TIMEOUT):
            await channel_layer.group_send(GROUP, {"type": "wake", **packed(sequenced)})
    except Exception as error:  # noqa: BLE001  an outage of Redis must not fail the request that saved
        _quiet_until = time.monotonic() + QUIET_AFTER_FAILURE
        logger.warning("cannot wake other processes, they will poll: %s", error or type(error).__name__)


def packed(sequenced: Sequenced) -> dict[str, Any]:
    """Returns the message: the position of the head, and the events if they are small."""
    events = [carried(event) for event in sequenced.events]
    text = json.dumps(events, cls=DjangoJSONEncoder)
    # Signed: write access to Redis alone must not let an attacker send events that are not in the log.
    signed = signer().sign(text) if len(text) <= MOST_BYTES else ""
    return {"position": sequenced.head, "epoch": sequenced.epoch, "events": signed}


def carried(event: Event) -> dict[str, Any]:
    """Returns the fields of an event that a wake-up carries."""
    fields = {name: getattr(event, name) for name in CARRIED}
    # Left out of nearly all.
    return fields if event.retracted_at is None else fields | {"retracted_at": event.retracted_at}


def unpacked(message: Mapping[str, Any]) -> Sequenced:
    """Reads a message; never raises. Its events are ignored unless this site has signed them, and all of them can be read."""
    try:
        head, epoch = int(message["position"]), str(message.get("epoch", ""))
    except (AttributeError, KeyError, TypeError, ValueError):
        # The tail looks for itself.
        head, epoch = 0, ""
    try:
        events = json.loads(signer().unsign(message["events"]))
        return Sequenced(head, [event_of(fields) for fields in events], epoch)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError, signing.BadSignature):
        return Sequenced(head, [], epoch)


def event_of(fields: Mapping[str, Any]) -> Event:
    """Returns the event of these fields; leaves out those of another release. Raises KeyError, TypeError or ValueError."""
    times = {name: fields.get(name) for name in ("created_at", "retracted_at")}
    moments = {name: time and datetime.fromisoformat(time) for name, time in times.items()}
    return Event(**{name: fields[name] for name in CARRIED} | moments)


def signer() -> signing.Signer:
    """Returns the signer of the events in wake-ups."""
    return signing.Signer(salt=GROUP)
