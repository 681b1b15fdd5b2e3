"""Entries of the log as Server-Sent Events, each encoded once per language and form."""

import json
import logging
from collections.abc import Iterable
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.utils import translation

from notifications import kinds
from notifications.log import cursor_id
from notifications.models import Event
from notifications.stream.sse import encode, only_id

logger = logging.getLogger("notifications.streams")

# The forms of `data:`: a JSON object, or a line to show as it is.
JSON, TEXT = "json", "text"
# The language of the texts and the form of the data: with the event, they determine the encoded bytes.
Variant = tuple[str, str]


class Entry:
    """An event of the log on its way to streams, which share its encoded frames."""

    __slots__ = ("_frames", "channel", "epoch", "event", "is_retracted", "kind", "position", "size", "terminal")

    def __init__(self, event: Event, epoch: str = "") -> None:
        """event: must have its position. epoch: of the log in which it has it."""
        assert event.position is not None
        self.event = event
        self.position, self.epoch = event.position, epoch
        self.channel = event.channel
        self.kind = event.kind
        # No stream delivers it: it was retracted before this process read it, or since.
        self.is_retracted = event.retracted_at is not None
        self.terminal = kinds.is_terminal(event.kind)
        # An estimate of a frame's bytes, before there is one.
        self.size = 300 + len(repr(event.data))
        self._frames: dict[Variant, bytes] = {}

    def frame(self, variant: Variant) -> bytes:
        """Returns the encoded event."""
        frame = self._frames.get(variant)
        if frame is None:
            frame = self._frames[variant] = self._encode(*variant)
        return frame

    def _encode(self, language: str, form: str) -> bytes:
        """Encodes the event. One that cannot be sent is skipped: the client gets its id, and goes on past it."""
        event_id = cursor_id(self.epoch, self.position)
        if not self.kind.isprintable():
            logger.error("event %d is skipped: its kind %r would be read as several fields", self.position, self.kind)
            return only_id(event_id)
        try:
            with translation.override(language):
                data = line(self.event) if form == TEXT else payload(self.event)
            return encode(self.kind, data, event_id)
        except Exception:
            logger.exception("event %d cannot be sent, and is skipped", self.position)
            return only_id(event_id)


def payload(event: Event) -> str:
    """The event's `data:` as JSON, in the active language; a string, which send_event() was given, stays as it is."""
    if isinstance(event.data, str):
        return event.data
    return json.dumps(message(event), cls=DjangoJSONEncoder, ensure_ascii=False, separators=(",", ":"))


def line(event: Event) -> str:
    """The event's `data:` as a readable line in the active language."""
    text = kinds.render(event.kind, event.data)
    return f"{text.title} ({text.body})" if text.body else text.title


def message(event: Event) -> dict[str, Any]:
    """The fields of an event that a client receives, in the active language."""
    text = kinds.render(event.kind, event.data)
    return {
        "id": event.position,
        "kind": event.kind,
        "channel": event.channel,
        "title": text.title,
        "body": text.body,
        "url": event.link,
        "created_at": event.created_at,
        "data": event.data,
    }


def join(entries: Iterable[Entry], variant: Variant) -> bytes:
    """Joins the frames of entries, in their order, for one write."""
    return b"".join([entry.frame(variant) for entry in entries])
