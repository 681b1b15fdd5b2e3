"""Limits on failures: wrong passwords (config/login.py) and refused callbacks (payments/callbacks.py).

The `limits` package counts in fixed windows; the counts are in Django's default cache, so processes that share a cache
share them. Without a configured cache each process counts for itself.
"""

import time
from dataclasses import dataclass

from django.core.cache import cache
from limits import RateLimitItem, RateLimitItemPerSecond
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter


class CacheStorage(Storage):
    """Counters in Django's default cache, by its atomic add() and incr().

    An implementation of the storage interface of `limits` (its documentation, "Custom storage").
    """

    STORAGE_SCHEME = ["django-cache"]
    base_exceptions = ()

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Adds to a counter, which expires that many seconds after its first increment; returns the new count."""
        name = cache_key(key)
        # Twice: the counter may expire between the two calls.
        for _attempt in range(2):
            cache.add(name, 0, timeout=expiry)
            try:
                return cache.incr(name, amount)
            except ValueError:
                continue
        return amount

    def get(self, key: str) -> int:
        """Returns a count; 0 for a counter that does not exist or has expired."""
        return int(cache.get(cache_key(key), 0))

    def get_expiry(self, key: str) -> float:
        """Returns now: a Django cache does not tell when a key expires."""
        return time.time()

    def check(self) -> bool:
        """Whether the cache works; Django's caches have no such question."""
        return True

    def reset(self) -> int | None:
        """Not offered: the cache holds more than counters."""
        raise NotImplementedError

    def clear(self, key: str) -> None:
        """Deletes a counter."""
        cache.delete(cache_key(key))


def cache_key(key: str) -> str:
    """Returns a key that every cache takes: memcached allows 250 characters, and no spaces."""
    return f"limit.{key.encode().hex()[:230]}"


_limiter = FixedWindowRateLimiter(CacheStorage())


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` failures within `seconds`, counted from the first one, for each subject (an address, a name)."""

    name: str
    most: int
    seconds: int

    @property
    def item(self) -> RateLimitItem:
        """The limit in the words of `limits`."""
        return RateLimitItemPerSecond(self.most, self.seconds)

    def is_reached(self, subject: str) -> bool:
        """Whether the subject has no failure left."""
        return not _limiter.test(self.item, self.name, subject)

    def count(self, subject: str) -> None:
        """Counts one failure."""
        _limiter.hit(self.item, self.name, subject)

    def forget(self, subject: str) -> None:
        """Deletes the count, after a success."""
        _limiter.clear(self.item, self.name, subject)
