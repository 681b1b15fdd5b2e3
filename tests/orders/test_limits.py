"""Limits on failures, over Django's cache."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.cache import cache

from orders.limits import FailureLimit

LIMIT = FailureLimit("of.a.test", most=3, seconds=60)


@pytest.fixture(autouse=True)
def nothing_counted():
    cache.clear()


def fail(limit: FailureLimit, subject: str, times: int) -> None:
    for _ in range(times):
        limit.count(subject)


def test_a_limit_is_reached_by_failures_alone_and_by_each_subject_for_itself():
    for _ in range(10):
        assert not LIMIT.is_reached("192.0.2.7")
    fail(LIMIT, "192.0.2.7", 2)
    assert not LIMIT.is_reached("192.0.2.7")
    fail(LIMIT, "192.0.2.7", 1)
    assert LIMIT.is_reached("192.0.2.7")
    assert not LIMIT.is_reached("192.0.2.8")
    assert not FailureLimit("another", most=3, seconds=60).is_reached("192.0.2.7")


def test_a_success_begins_anew():
    fail(LIMIT, "alice", 5)
    LIMIT.forget("alice")
    assert not LIMIT.is_reached("alice")


def test_a_window_ends_its_seconds_after_the_first_failure():
    limit = FailureLimit("short", most=2, seconds=1)
    fail(limit, "alice", 1)
    time.sleep(0.6)
    fail(limit, "alice", 1)
    assert limit.is_reached("alice")
    time.sleep(0.6)
    assert not limit.is_reached("alice")


def test_failures_at_the_same_moment_are_all_counted():
    limit = FailureLimit("many", most=400, seconds=60)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: limit.count("alice"), range(399)))
    assert not limit.is_reached("alice")
    limit.count("alice")
    assert limit.is_reached("alice")


def test_a_window_that_ends_between_two_steps_begins_the_next(monkeypatch):
    fail(LIMIT, "alice", 1)

    def incr(key: str, _delta: int) -> int:
        cache.delete(key)
        raise ValueError(key)

    monkeypatch.setattr(cache, "incr", incr)
    fail(LIMIT, "alice", 1)
    monkeypatch.undo()
    fail(LIMIT, "alice", 1)
    assert not LIMIT.is_reached("alice")


@pytest.mark.parametrize("subject", ["", "a b\nc", "作者", "x" * 1000, "\ud800"])
def test_any_text_may_be_a_subject(subject):
    fail(LIMIT, subject, 3)
    assert LIMIT.is_reached(subject)
    assert not LIMIT.is_reached(subject + "x")
