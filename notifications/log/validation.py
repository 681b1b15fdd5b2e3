"""Checks events before they are written, so that both engines store the same and every reader can take it."""

import json
from collections.abc import Mapping
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from notifications import conf
from notifications.models import Event
from notifications.sanitizing import ESCAPED, clean_json, has_more_levels, local_path

# Levels of lists and objects in an event's data. Readers use recursion.
MAX_DEPTH = 32
LENGTHS = {field.name: field.max_length or 0 for field in Event._meta.concrete_fields}


def validate(event: Event) -> None:
    """Checks an event, and replaces its data by plain JSON; raises ValueError with the reason.

    channel, kind, key: printable text within the lengths of their columns; only the key may be None. url: empty, or a path
    of this site. data: a mapping or a string. Django's JSON encoder takes dates, decimals, UUIDs and lazy translations (in the
    language that is active now). NUL and lone surrogates in its texts become U+FFFD. Refused: NaN and the infinities, keys
    that are no text, more than MAX_DEPTH levels, and more bytes than NOTIFICATIONS_MAX_DATA_BYTES.
    """
    event.url = str(event.url)
    for name in ("channel", "kind", "key"):
        value = getattr(event, name)
        if value is not None or name != "key":
            _check_text(name, value)
    _check_length("url", event.url)
    if event.url and not local_path(event.url):
        raise ValueError(f"url: {event.url[:80]!r} is not a path of this site; a path begins with one slash")
    event.data = _plain(event.data)


def _check_text(name: str, value: Any) -> None:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name}: must be text, and not empty")
    _check_length(name, value)
    if not value.isprintable():
        raise ValueError(f"{name}: {value[:80]!r} has a line break or another character that cannot be printed")


def _check_length(name: str, value: str) -> None:
    if len(value) > LENGTHS[name]:
        raise ValueError(f"{name}: {len(value)} characters, at most {LENGTHS[name]} are stored")


def _plain(data: Any) -> Any:
    """Returns the data as JSON has it: what a reader of the row will get."""
    if not isinstance(data, str | Mapping):
        raise ValueError(f"data: must be a mapping or a string, not {type(data).__name__}")  # noqa: TRY004
    try:
        text = json.dumps(data if isinstance(data, str | dict) else dict(data), cls=DjangoJSONEncoder, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"data: is no JSON: {error}") from error
    value = json.loads(text)
    if has_more_levels(value, text, MAX_DEPTH):
        raise ValueError(f"data: more than {MAX_DEPTH} levels of lists and objects")
    if ESCAPED.search(text):
        value = clean_json(value)
    limit = conf.max_data_bytes()
    # An escape is never shorter than the UTF-8 of its character: most texts need not be encoded to be measured.
    if len(text) > limit and (size := len(json.dumps(value, ensure_ascii=False).encode())) > limit:
        raise ValueError(f"data: {size} bytes, at most {limit} are stored (NOTIFICATIONS_MAX_DATA_BYTES)")
    return value
