"""The catch-up of one stream: what it missed, from the backlog in memory or else from the log, in pages."""

from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any

from notifications import log, metrics, subscriptions
from notifications.stream.backlog import Backlog
from notifications.stream.entry import Entry
from notifications.stream.listener import WRITE_BYTES, StreamListener

# Events in the first read and in any later one. A client that does not read holds one page in memory.
FIRST_PAGE, LARGEST_PAGE = 16, 200


class CatchUp:
    """Brings the entries after a stream's position, up to and including `through`. Lives as long as one catch-up.

    The caller delivers each page before it takes the next one.
    """

    __slots__ = ("_is_last", "_limit", "_listener", "_page_end", "_through", "is_cut_short")

    def __init__(self, listener: StreamListener, through: int) -> None:
        self._listener = listener
        self._through = through
        self._limit = FIRST_PAGE
        self._is_last = False
        # The last position of the page before, some of whose entries the stream does not carry.
        self._page_end = 0
        # Set when the stream was closed before everything was read.
        self.is_cut_short = False

    def from_memory(self, backlog: Backlog) -> Iterator[Entry] | None:
        """Returns all entries at once, or None if the backlog does not reach back to the stream's position."""
        listener = self._listener
        missed = backlog.between(listener.position, self._through)
        if missed is None:
            return None
        carried = deque(entry for entry in missed if entry.channel in listener.since and not entry.is_retracted)
        metrics.CAUGHT_UP.inc(len(carried))
        return self._drain(carried)

    async def next_page(self, in_thread: Callable[[Callable[[], Any]], Awaitable[Any]]) -> Iterator[Entry] | None:
        """Returns the next entries from the log, None at the end. in_thread: runs a function that uses the database."""
        if self._is_last:
            return None
        listener = self._listener
        listener.position = max(listener.position, self._page_end)
        if listener.position >= self._through:
            return None
        if listener.ending:
            self.is_cut_short = True
            return None
        channels, limit = list(listener.since), self._limit
        read = partial(log.read, listener.position, through=self._through, channels=channels, limit=limit)
        page = deque(Entry(event, listener.epoch) for event in await in_thread(read))
        if not page:
            return None
        metrics.CAUGHT_UP.inc(len(page))
        self._is_last, self._page_end = len(page) < limit, page[-1].position
        # The larger the events, the smaller the pages: about two writes to a page.
        average = sum(entry.size for entry in page) // len(page)
        self._limit = min(LARGEST_PAGE, max(1, 2 * WRITE_BYTES // average))
        return self._drain(page)

    def _drain(self, page: deque[Entry]) -> Iterator[Entry]:
        """Takes from a page the entries that the stream carries, so that each can be freed once it is written."""
        since, muted_kinds = self._listener.since, self._listener.muted_kinds
        while page:
            entry = page.popleft()
            if subscriptions.is_heard(entry, since) and entry.kind not in muted_kinds:
                yield entry
