"""The newest entries of the log, kept in memory."""

from collections import deque
from collections.abc import Iterable
from itertools import takewhile

from notifications.stream.entry import Entry

# Entries, and bytes of them, kept for readers who come back: a thousand of them after a restart cost no read of the log.
ENTRIES_KEPT = 1000
BYTES_KEPT = 2 * 1024 * 1024


class Recent:
    """The newest entries of the log, without a gap."""

    def __init__(self) -> None:
        """Empty."""
        self._entries: deque[Entry] = deque()
        self._bytes = 0

    def extend(self, entries: Iterable[Entry]) -> None:
        """Adds entries that follow those that are there, and drops the oldest."""
        for entry in entries:
            if self._entries and entry.position != self._entries[-1].position + 1:
                self.clear()
            self._entries.append(entry)
            self._bytes += entry.size
        while len(self._entries) > ENTRIES_KEPT or self._bytes > BYTES_KEPT:
            self._bytes -= self._entries.popleft().size

    def between(self, after: int, through: int) -> list[Entry] | None:
        """Returns the entries with after < position <= through; None where some of them are not here."""
        if not self._entries or after < self._entries[0].position - 1 or through > self._entries[-1].position:
            return None
        # From the end: who comes back has missed little.
        newest = takewhile(lambda entry: entry.position > after, reversed(self._entries))
        return [entry for entry in newest if entry.position <= through][::-1]

    def clear(self) -> None:
        """Forgets everything."""
        self._entries.clear()
        self._bytes = 0
