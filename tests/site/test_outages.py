"""One line in the log for each outage."""

import logging
import socket
from collections.abc import Iterator

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config import outages
from tests.support.processes import free_port


@pytest.fixture
def lines() -> list[str]:
    """What a logger with the filter writes."""
    return []


@pytest.fixture
def logger(lines: list[str]) -> Iterator[logging.Logger]:
    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    made, handler, once = logging.getLogger("of.a.test"), Lines(), outages.OnceAnOutage()
    made.addFilter(once)
    made.addHandler(handler)
    yield made
    made.removeFilter(once)
    made.removeHandler(handler)


def fail_to_reach_redis(logger: logging.Logger, port: int) -> None:
    try:
        redis.Redis(port=port, retry=Retry(NoBackoff(), 0)).ping()
    except redis.ConnectionError:
        logger.exception("Unexpected exception in receive task")


def test_failures_to_connect_are_one_line_for_each_outage(logger, lines, monkeypatch):
    port = free_port()
    for _ in range(5):
        fail_to_reach_redis(logger, port)
    assert len(lines) == 1
    assert "\n" not in lines[0]
    assert lines[0].startswith("Unexpected exception in receive task: ConnectionError: ")
    monkeypatch.setattr(outages, "QUIET", 0.0)
    fail_to_reach_redis(logger, port)
    assert len(lines) == 2, "the next outage is told again"


def test_warnings_are_told_once_whatever_reason_they_give_and_other_warnings_too(logger, lines):
    for reason in ("refused", "timed out", "refused"):
        logger.warning("not heard: %s", reason)
    logger.warning("another thing")
    with socket.socket() as unconnected:
        for _ in range(2):
            try:
                unconnected.getpeername()
            except OSError:
                logger.exception("gone")
    assert [line.split(":")[0] for line in lines] == ["not heard", "another thing", "gone"]


def test_what_is_not_an_outage_keeps_its_traceback_and_is_repeated(logger, lines):
    for _ in range(2):
        try:
            int("bug")
        except ValueError:
            logger.exception("broken")
        logger.error("wrong")
    assert len(lines) == 4
    assert "Traceback" in lines[0]
    assert "Traceback" in lines[2]


@pytest.mark.parametrize("name", ["channels_redis.pubsub", "notifications.tail", "notifications.wake"])
def test_whoever_speaks_of_redis_has_the_filter(name):
    assert any(isinstance(each, outages.OnceAnOutage) for each in logging.getLogger(name).filters)
