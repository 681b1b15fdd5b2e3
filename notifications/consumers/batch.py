"""What the function of a consumer is given, and what it may raise."""

from collections.abc import Callable, Iterator, Sequence

from notifications.models import Event


class TryLater(Exception):
    """Raised by a function that cannot work now (a mail server is down): the same events come again after the pause.

    It does not count as a failure of the events: they are never set aside for it.
    """

    def __init__(self, reason: str, seconds: float = 10.0) -> None:
        """reason: for the log. seconds: the pause before the next attempt."""
        super().__init__(reason)
        self.seconds = seconds


class Interrupted(Exception):
    """Raised by Batch.save_progress(): the process ends, or another one has taken the lease. The function lets it pass."""


class Batch:
    """Events of the log, in its order: iterating gives them. None of them was retracted when it was read."""

    def __init__(self, events: Sequence[Event], progress: int = 0, save: Callable[[int], None] | None = None) -> None:
        """progress, save: for a batch of one event; see save_progress()."""
        self.events = events
        # What save_progress() was last called with for this event, in whatever process; 0 for an event that is new.
        self.progress = progress
        self._save = save

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self.events)

    def save_progress(self, progress: int) -> None:
        """Stores how far the work on the event has come; for a consumer with `batch=1` whose events are much work each.

        It is a statement on the log's database: in a transaction there it is stored together with the work. Raises
        Interrupted where the function must stop; in a transaction, that rolls this part of the work back.
        """
        if self._save is None:
            raise ValueError("progress is stored for a consumer with batch=1")
        self._save(progress)
        self.progress = progress
