"""What kinds of events there are and how each is said: the domain registers wording, this app delivers it."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

logger = logging.getLogger(__name__)

# Kinds of this prefix steer open streams (subscribe, log-out …); no client sees them.
CONTROL_KINDS = "control."


class Text(NamedTuple):
    """A notification in one language."""

    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of event.

    `title` and `body` are translatable %-templates over the event's data, as gettext's python-format has them;
    `prepare` may turn the data into what the templates name (an amount in the reader's format).
    `grouped` names several of a day and a channel at once, over the newest one's data and their `count`
    (`ngettext_lazy(…, "count")`); without it they stay single lines.
    A `terminal` kind is the last one of its channel: the stream that delivered it ends.
    A kind that is not `listed` goes over streams alone: it is no line in any inbox, and never counted.
    A `required` kind cannot be switched off by its readers.
    """

    name: str
    label: "StrOrPromise"
    title: "StrOrPromise" = ""
    body: "StrOrPromise" = ""
    prepare: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
    grouped: "StrOrPromise" = ""
    terminal: bool = False
    listed: bool = True
    required: bool = False

    def render(self, data: Mapping[str, Any]) -> Text:
        """Renders the texts in the active language."""
        values = self.prepare(data) if self.prepare else data
        return Text(str(self.title) % values, str(self.body) % values)


_registry: dict[str, Kind] = {}


def register(kind: Kind) -> Kind:
    """Adds a kind; a second, different one of the same name is a programming error."""
    if kind.name.startswith(CONTROL_KINDS):
        raise ValueError(f"{kind.name}: the prefix {CONTROL_KINDS} is kept for the streams themselves")
    if _registry.setdefault(kind.name, kind) != kind:
        raise ValueError(f"{kind.name} is registered already")
    return kind


def get(name: str) -> Kind | None:
    """Returns the kind, or None where nobody registered it."""
    return _registry.get(name)


def names() -> list[str]:
    """All registered names, sorted: what a page listens for."""
    return sorted(_registry)


def is_terminal(name: str) -> bool:
    """Whether an event of this kind ends its stream."""
    kind = _registry.get(name)
    return kind is not None and kind.terminal


def terminal_names() -> list[str]:
    """The names of all terminal kinds."""
    return [kind.name for kind in _registry.values() if kind.terminal]


def listed() -> list[Kind]:
    """The kinds that may be lines of an inbox, in the order in which they were registered."""
    return [kind for kind in _registry.values() if kind.listed and not kind.terminal]


def unlisted_names() -> list[str]:
    """The names of the kinds that are never lines of an inbox."""
    return [kind.name for kind in _registry.values() if kind.terminal or not kind.listed]


def render(name: str, data: Any) -> Text:
    """Renders an event in the active language; never raises, since one bad event must not stop a broadcast."""
    kind = _registry.get(name)
    if kind is None:
        return Text(data if isinstance(data, str) else name, "")
    try:
        return kind.render(data)
    except Exception:
        logger.exception("cannot render an event of kind %s", name)
        return Text(str(kind.label), "")
