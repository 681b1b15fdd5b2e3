"""What goes over the wire: entries of the log as Server-Sent Events, encoded once per event and language.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import json
from collections.abc import Iterable
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.utils import translation

from notifications import kinds
from notifications.models import Event
from notifications.stream.sse import encode

# What `data:` holds: an object, or a line to show as it is.
JSON, TEXT = "json", "text"
# What a frame depends on beside the event: the language of its texts, and the form of its data.
Voice = tuple[str, str]


class Entry:
    """An event of the log on its way to streams; its frames are made once and shared by all of them."""

    __slots__ = ("_frames", "channel", "event", "kind", "position", "size", "terminal")

    def __init__(self, event: Event) -> None:
        """Takes a sequenced event."""
        assert event.position is not None
        self.event = event
        self.position = event.position
        self.channel = event.channel
        self.kind = event.kind
        self.terminal = kinds.is_terminal(event.kind)
        # About as many bytes as a frame has, before there is one.
        self.size = 300 + len(repr(event.data))
        self._frames: dict[Voice, bytes] = {}

    def frame(self, voice: Voice) -> bytes:
        """Returns the encoded event as it is said in this voice."""
        frame = self._frames.get(voice)
        if frame is None:
            language, form = voice
            with translation.override(language):
                data = line(self.event) if form == TEXT else payload(self.event)
            frame = self._frames[voice] = encode(self.kind, data, self.position)
        return frame


def payload(event: Event) -> str:
    """The event's `data:` in the active language; what send_event() was given goes out as it was given."""
    if isinstance(event.data, str):
        return event.data
    return json.dumps(message(event), cls=DjangoJSONEncoder, ensure_ascii=False, separators=(",", ":"))


def line(event: Event) -> str:
    """The event's `data:` as a readable line in the active language."""
    text = kinds.render(event.kind, event.data)
    return f"{text.title} ({text.body})" if text.body else text.title


def message(event: Event) -> dict[str, Any]:
    """What a client is told of an event, in the active language."""
    text = kinds.render(event.kind, event.data)
    return {
        "id": event.position,
        "kind": event.kind,
        "channel": event.channel,
        "title": text.title,
        "body": text.body,
        "url": event.url,
        "created_at": event.created_at,
        "data": event.data,
    }


def join(entries: Iterable[Entry], voice: Voice) -> bytes:
    """Joins the frames of entries in their order: one write for all that is pending."""
    return b"".join([entry.frame(voice) for entry in entries])
