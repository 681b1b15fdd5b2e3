"""The code blocks of the documents, so that what they show is what runs."""

import re
from typing import NamedTuple

from tests.support.services import ROOT

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEAD = re.compile(r"^(?:#|//|<!--) ([\w./-]+\.\w+)(?:, ([^\n]+?))?(?: -->)?\n")


class Block(NamedTuple):
    """A fenced block whose first line is a comment with a file's name, and perhaps where in it."""

    language: str
    path: str
    place: str
    code: str


def blocks(document: str, *, until: str = "") -> list[Block]:
    """Returns the blocks of a document that name a file, in order. until: the heading before which they end."""
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    if until:
        text = text[: text.index(f"\n{until}\n")]
    return [
        Block(language, head[1], head[2] or "", code[head.end() :])
        for language, code in FENCE.findall(text)
        if (head := HEAD.match(code))
    ]
