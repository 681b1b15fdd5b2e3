"""The rows of the suite, and what may become of one."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from notifications.testing.conformance.target import Target

Level = Literal["must", "should", "extra"]
"""must: a client that keeps to the standard breaks. should: a reliable stream needs it. extra: good to have."""
Attempt = Callable[["Target"], Awaitable[str | None]]

HTML = "https://html.spec.whatwg.org/multipage/server-sent-events.html"
RFC = "https://www.rfc-editor.org/rfc/rfc"


class RowFailed(Exception):
    """The server does not do what the row asks for; the message says what it does instead."""


class RowSkipped(Exception):
    """The row cannot be tried; the message says why."""


@dataclass(frozen=True)
class Row:
    """One thing that a server is asked for.

    citation: the address of the paragraph. notice: what a user of a server that fails it would notice. attempt: raises
    RowFailed or RowSkipped; what it returns is a remark. seconds: the most that it may take, beyond the target's own.
    """

    name: str
    level: Level
    citation: str
    notice: str
    attempt: Attempt
    seconds: float

    @property
    def subject(self) -> str:
        """The end of the name of its module: head, format, data, ..."""
        return str(getattr(self.attempt, "func", self.attempt).__module__).rpartition("_")[2]


ROWS: dict[str, Row] = {}


def row(name: str, level: Level, citation: str, notice: str, *, seconds: float = 30) -> Callable[[Attempt], Attempt]:
    """Registers a function as the attempt of a row."""

    def register_attempt(attempt: Attempt) -> Attempt:
        assert name not in ROWS, name
        ROWS[name] = Row(name, level, citation, notice, attempt, seconds)
        return attempt

    return register_attempt


def expect(condition: object, reason: str) -> None:
    """Raises RowFailed with the reason unless the condition is true."""
    if not condition:
        raise RowFailed(reason)
