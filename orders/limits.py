"""Limits on how often something may go wrong: counted in Django's cache, by default one per process."""

from dataclasses import dataclass

from django.core.cache import cache


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many failures of one name within so many seconds, counted from the first."""

    name: str
    most: int
    seconds: int

    def is_reached(self, who: str) -> bool:
        """Whether whoever it is has had the share."""
        return int(cache.get(self._key(who), 0)) >= self.most

    def count(self, who: str) -> None:
        """Counts one failure."""
        if not cache.add(self._key(who), 1, timeout=self.seconds):
            try:
                cache.incr(self._key(who))
            except ValueError:
                # It ran out between the two calls.
                cache.add(self._key(who), 1, timeout=self.seconds)

    def forget(self, who: str) -> None:
        """Starts over, after a success."""
        cache.delete(self._key(who))

    def _key(self, who: str) -> str:
        # Any text may be a name; not every cache takes any text as a key.
        return f"limit.{self.name}.{who.encode().hex()[:180]}"
