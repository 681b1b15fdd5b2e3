"""Events for the tests of streams."""

from notifications import log


def append(channel: str, count: int = 1, kind: str = "happened") -> None:
    for _ in range(count):
        log.append(channel, kind)


def cursor_now(position: int) -> str:
    """The id of this position in the epoch that the log has now."""
    return log.cursor_id(log.bounds().epoch, position)


def own_channel(user) -> str:
    return f"user:{user.pk}"
