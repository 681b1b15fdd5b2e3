"""Rate limits on failures (refused callbacks, wrong passwords), counted in Django's cache by the library `limits`.

A window begins with the first failure and ends after its seconds. The counts are as far shared as the cache: Django's
default cache belongs to one process; with Redis or Memcached in CACHES all processes count together. In these three an
increment is atomic. Django's database and file caches read and write in two steps, and may miss failures.
"""

from dataclasses import dataclass
from hashlib import sha256

from django.core.cache import cache
from limits import RateLimitItemPerSecond
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter


class DjangoCacheStorage(Storage):
    """Keeps the counts of `limits` in Django's default cache, for which the library has no storage of its own."""

    # The instance below is the only one; no address of a storage leads to it.
    STORAGE_SCHEME = None

    @property
    def base_exceptions(self) -> type[Exception]:
        return Exception

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Returns the count after the addition; the first one begins a window of `expiry` seconds."""
        if cache.add(key, amount, timeout=expiry):
            return amount
        try:
            return int(cache.incr(key, amount))
        except ValueError:
            # The window ended between the two calls, so this failure begins the next one.
            cache.add(key, amount, timeout=expiry)
            return amount

    def get(self, key: str) -> int:
        return int(cache.get(key, 0))

    def get_expiry(self, key: str) -> float:
        """Not supported: Django's cache does not report when an entry ends."""
        raise NotImplementedError

    def check(self) -> bool:
        return True

    def reset(self) -> int | None:
        """Not supported: the cache holds other entries too."""
        raise NotImplementedError

    def clear(self, key: str) -> None:
        cache.delete(key)


_limiter = FixedWindowRateLimiter(DjangoCacheStorage())


@dataclass(frozen=True, slots=True)
class FailureLimit:
    """At most `most` failures of one subject (an address, an account) within `seconds`, counted under `name`."""

    name: str
    most: int
    seconds: int

    def is_reached(self, subject: str) -> bool:
        """Whether the subject has used up its failures; counts nothing."""
        return not _limiter.test(self._item(), digest(subject))

    def count(self, subject: str) -> None:
        _limiter.hit(self._item(), digest(subject))

    def forget(self, subject: str) -> None:
        """Begins anew, after a success."""
        _limiter.clear(self._item(), digest(subject))

    def _item(self) -> RateLimitItemPerSecond:
        return RateLimitItemPerSecond(self.most, self.seconds, namespace=f"limit.{self.name}")


def digest(subject: str) -> str:
    """Returns a short form of any text, because not every cache takes any text as a key."""
    return sha256(subject.encode(errors="surrogatepass")).hexdigest()
