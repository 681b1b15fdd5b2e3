"""The rules for values from outside: text, JSON, links and positions. One function each, shared by all that need them.

Imports no other module of this app.
"""

import json
import re
from typing import Any

# Stands for a character that is not text: NUL, which PostgreSQL does not store, and a lone surrogate, which has no UTF-8.
REPLACEMENT = "\ufffd"
UNTEXTUAL = re.compile("[\0\ud800-\udfff]")
# The same characters as JSON escapes. A pair of surrogates matches too; it is a character, and clean_text() keeps it.
ESCAPED = re.compile(r"\\u(?:0000|d[89a-f])", re.IGNORECASE)
LARGEST_POSITION = 2**63 - 1
POSITION_DIGITS = len(str(LARGEST_POSITION))
# Levels of a stored document that are read. Versions of Python stop at other depths; what is read must be written again.
READABLE_LEVELS = 500


def clean_text(text: str) -> str:
    """Returns the text with U+FFFD in place of each NUL and each lone surrogate."""
    if text.isascii() and "\0" not in text:
        return text
    return UNTEXTUAL.sub(REPLACEMENT, text)


def clean_json(value: Any) -> Any:
    """Returns a JSON value with clean_text() applied to all strings in it, the keys among them."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, list):
        return [clean_json(each) for each in value]
    if isinstance(value, dict):
        return {clean_text(key): clean_json(each) for key, each in value.items()}
    return value


def read_json(text: str) -> Any:
    """Reads a stored JSON text; never raises.

    NaN and the infinities, which are no JSON, become None; text is cleaned; a document that Python cannot read (nested
    too deeply, a number of too many digits) is an empty object.
    """
    try:
        value = json.loads(text, parse_constant=lambda constant: None)
        if has_more_levels(value, text, READABLE_LEVELS):
            return {}
        return clean_json(value) if ESCAPED.search(text) else value
    except (ValueError, RecursionError):
        return {}


def has_more_levels(value: Any, text: str, most: int) -> bool:
    """Whether a JSON value has more levels of lists and objects; counted without recursion, and seldom: text is its JSON."""
    if text.count("[") + text.count("{") <= most:
        return False
    depth, level = 0, [value]
    while level := [each for each in level if isinstance(each, list | dict)]:
        depth += 1
        level = [inner for each in level for inner in (each.values() if isinstance(each, dict) else each)]
    return depth > most


def local_path(url: Any) -> str:
    """Returns a link if it is a path of this site, else an empty string.

    Browsers take "//host" and "/\\host" for other sites, and drop line breaks and tabs before they decide.
    """
    text = str(url)
    return text if text.startswith("/") and text[1:2] not in ("/", "\\") and text.isprintable() else ""


def parse_position(text: str) -> int:
    """Returns a position of the log, written in ASCII digits; raises ValueError for anything else.

    The digits are counted before they are converted: int() refuses long texts with an error of its own.
    """
    digits = text.lstrip("0") or text[:1]
    if not (text.isascii() and text.isdecimal() and len(digits) <= POSITION_DIGITS and int(digits) <= LARGEST_POSITION):
        raise ValueError(f"a position is a whole number from 0 to {LARGEST_POSITION}")
    return int(digits)
