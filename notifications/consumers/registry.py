"""The registry of consumers: apps register theirs in their modules `notifiers`."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal

from notifications.consumers.batch import Batch

Handle = Callable[[Batch], None]
# A collection of names, or a function that returns one: kinds may be registered later than a consumer.
KindNames = Collection[str] | Callable[[], Collection[str]]


@dataclass(frozen=True, slots=True)
class Consumer:
    """A function with the name of its cursor, and how it wants its events; see consumer()."""

    name: str
    handle: Handle
    kinds: KindNames | None = None
    batch: int = 100
    attempts: int = 5
    start: Literal["head", "beginning"] = "head"

    def kind_names(self) -> Collection[str] | None:
        """Returns the names of the kinds that it wants; None for all."""
        return self.kinds() if callable(self.kinds) else self.kinds


_consumers: dict[str, Consumer] = {}


def consumer(
    name: str,
    *,
    kinds: KindNames | None = None,
    batch: int = 100,
    attempts: int = 5,
    start: Literal["head", "beginning"] = "head",
) -> Callable[[Handle], Handle]:
    """Registers the decorated function as a consumer of the log; `manage.py deliver` calls it with each Batch.

    name: of its cursor in the database; a renamed consumer is a new one. kinds: names, or a function that returns them; None
    for all, `inbox.retracted` and other unlisted kinds included. batch: events of one call at most. attempts: how often one
    event by itself may fail before it is set aside. start: where a cursor that is new begins. Raises ValueError for a name that
    is taken, or does not fit.
    """
    if not 0 < len(name) <= 100:
        raise ValueError(f"the name of a consumer has 1 to 100 characters: {name!r}")
    if batch < 1 or attempts < 1:
        raise ValueError(f"{name}: batch and attempts are at least 1")

    def register_consumer(handle: Handle) -> Handle:
        wanted = Consumer(name, handle, kinds, batch, attempts, start)
        if _consumers.setdefault(name, wanted) != wanted:
            raise ValueError(f"the consumer {name} is registered already")
        return handle

    return register_consumer


def all_consumers() -> list[Consumer]:
    """Returns the registered consumers, in the order of their registration."""
    return list(_consumers.values())
