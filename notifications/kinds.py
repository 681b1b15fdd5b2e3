"""The registry of kinds: a domain registers each kind of event with its texts, and this app delivers the events."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

from notifications.sanitizing import clean_text

logger = logging.getLogger(__name__)

# Prefix of the kinds that change open streams (a subscription, a log-out …); no client receives them.
CONTROL_KINDS = "control."


# Characters of a title and of a body; longer ones are cut.
MAX_TITLE, MAX_BODY = 200, 1000


class Text(NamedTuple):
    """A notification in one language."""

    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of event.

    `title` and `body` are translatable %-templates over the event's data, as gettext's python-format has them;
    `prepare` may make the values for the templates from the data (an amount in the format of the reader's language).
    `grouped` is the title of several events of a day and a channel, over the data of the newest one and their `count`
    (`ngettext_lazy(…, "count")`); without it each event stays a line of its own.
    An event of a `terminal` kind is the last one of its channel: a stream ends after it.
    Events of a kind that is not `listed` go over streams alone: they are in no inbox, and are never counted.
    Users cannot switch off a `required` kind.
    Events of an `email_at_once` kind are mailed at once to each reader who has not switched that off (`manage.py deliver`).
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
    email_at_once: bool = False

    def render(self, data: Mapping[str, Any]) -> Text:
        """Returns the texts in the active language."""
        values = self.prepare(data) if self.prepare else data
        return Text(cut(str(self.title) % values, MAX_TITLE), cut(str(self.body) % values, MAX_BODY))

    def render_group(self, data: Mapping[str, Any], count: int) -> str:
        """Returns the title of several events, over the newest one's data, in the active language."""
        values = self.prepare(data) if self.prepare else data
        return cut(str(self.grouped % {**values, "count": count}), MAX_TITLE)


def cut(text: str, length: int) -> str:
    """Returns a text that can be sent and shown: cleaned, and with an ellipsis in place of all that is past the length."""
    text = clean_text(text)
    return text if len(text) <= length else f"{text[: length - 1]}…"


_registry: dict[str, Kind] = {}


def register(kind: Kind) -> Kind:
    """Adds a kind; raises ValueError if a different kind has the same name."""
    if kind.name.startswith(CONTROL_KINDS):
        raise ValueError(f"{kind.name}: the prefix {CONTROL_KINDS} is kept for the streams themselves")
    if _registry.setdefault(kind.name, kind) != kind:
        raise ValueError(f"{kind.name} is registered already")
    return kind


def get(name: str) -> Kind | None:
    """Returns the kind; None if it is not registered."""
    return _registry.get(name)


def names() -> list[str]:
    """Returns all registered names, sorted: the events that a page listens to."""
    return sorted(_registry)


def is_terminal(name: str) -> bool:
    """Whether a stream ends after an event of this kind."""
    kind = _registry.get(name)
    return kind is not None and kind.terminal


def terminal_names() -> list[str]:
    """Returns the names of all terminal kinds."""
    return [kind.name for kind in _registry.values() if kind.terminal]


def listed() -> list[Kind]:
    """Returns the kinds that inboxes show, in the order of registration."""
    return [kind for kind in _registry.values() if kind.listed and not kind.terminal]


def unlisted_names() -> list[str]:
    """Returns the names of the kinds that no inbox shows."""
    return [kind.name for kind in _registry.values() if kind.terminal or not kind.listed]


def names_mailed_at_once() -> list[str]:
    """Returns the names of the listed kinds that can be mailed at once."""
    return [kind.name for kind in listed() if kind.email_at_once]


def render(name: str, data: Any) -> Text:
    """Returns an event's texts in the active language. Never raises: one bad event must not stop a broadcast."""
    kind = _registry.get(name)
    if kind is None:
        return Text(cut(data if isinstance(data, str) else name, MAX_TITLE), "")
    try:
        return kind.render(data)
    except Exception:
        logger.exception("cannot render an event of kind %s", name)
        return Text(str(kind.label), "")


def render_group(name: str, data: Any, count: int) -> str:
    """Returns the title of several events of a kind, in the active language. Never raises."""
    kind = _registry.get(name)
    try:
        return f"{name} ({count})" if kind is None else kind.render_group(data, count)
    except Exception:
        logger.exception("cannot render a group of kind %s", name)
        return f"{kind.label if kind else name} ({count})"
