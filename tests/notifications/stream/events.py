"""Events for the tests of streams."""

from notifications import log


def append(channel: str, count: int = 1, kind: str = "happened") -> None:
    for _ in range(count):
        log.append(channel, kind)


def own_channel(user) -> str:
    return f"user:{user.pk}"
