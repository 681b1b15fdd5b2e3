"""The newest part of the log in memory: entries for streams that resume, and control events for those being opened."""

from collections import deque
from collections.abc import Collection, Iterable
from itertools import takewhile

from notifications.log.control import is_control
from notifications.stream.entry import Entry

# Entries, and bytes of them: with these, a thousand streams that come back after a restart read nothing from the log.
ENTRIES_KEPT = 1000
BYTES_KEPT = 2 * 1024 * 1024
CONTROLS_KEPT = 1000


class Backlog:
    """The newest entries of the log, without a gap."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque()
        self._bytes = 0

    def extend(self, entries: Iterable[Entry]) -> None:
        """Adds entries, which begin a new backlog if they do not follow the last one; drops the oldest."""
        for entry in entries:
            if self._entries and entry.position != self._entries[-1].position + 1:
                self.clear()
            self._entries.append(entry)
            self._bytes += entry.size
        while len(self._entries) > ENTRIES_KEPT or self._bytes > BYTES_KEPT:
            self._bytes -= self._entries.popleft().size

    def between(self, after: int, through: int) -> list[Entry] | None:
        """Returns the entries with after < position <= through; None if some of them are not here."""
        if not self._entries or after < self._entries[0].position - 1 or through > self._entries[-1].position:
            return None
        # From the end: a stream that resumes has usually missed little.
        newest = takewhile(lambda entry: entry.position > after, reversed(self._entries))
        return [entry for entry in newest if entry.position <= through][::-1]

    def retract(self, positions: Collection[int]) -> None:
        """Notes that entries were retracted after they came here."""
        retracted = set(positions)
        for entry in self._entries:
            if entry.position in retracted:
                entry.is_retracted = True

    def clear(self) -> None:
        """Drops all entries."""
        self._entries.clear()
        self._bytes = 0


class ControlBacklog:
    """The newest control events that this process has seen."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=CONTROLS_KEPT)

    def extend(self, entries: Iterable[Entry]) -> None:
        """Adds the control events among entries of the log."""
        self._entries.extend(entry for entry in entries if is_control(entry.channel))

    def since(self, position: int, channel: str) -> list[Entry] | None:
        """Returns the control events of a channel after a position; None if older ones were dropped."""
        if len(self._entries) == CONTROLS_KEPT and self._entries[0].position > position:
            return None
        return [entry for entry in self._entries if entry.position > position and entry.channel == channel]
