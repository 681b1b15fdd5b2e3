"""A judge that never finds anything proves nothing: each wrong must be seen."""

import pytest

from .delivery import delays_ms, percentile, verdict
from .fleet import Delivery, Received


def received(*came, **others):
    """Deliveries as (stream, sequence, id), one nanosecond after the other."""
    deliveries = [
        Delivery(stream=stream, sequence=sequence, event_id=event_id, published_ns=0, received_ns=at)
        for at, (stream, sequence, event_id) in enumerate(came)
    ]
    facts = {
        "streams": 2,
        "complete": 2,
        "last_id": "8",
        "strays": 0,
        "ended": 0,
        "other_kinds": {},
        "reading_seconds": 0.0,
        **others,
    }
    return Received(deliveries=deliveries, **facts)


RIGHT = [(0, 0, 7), (1, 0, 7), (0, 1, 8), (1, 1, 8)]


def test_every_event_once_and_in_order_to_every_stream_is_right():
    assert verdict(received(*RIGHT), streams=2, events=2).right


@pytest.mark.parametrize(
    ("came", "wrong"),
    [
        (RIGHT[:3], {"lost": 1}),
        (RIGHT[:1] * 2, {"lost": 3, "duplicated": 1, "streams_with_duplicates": 1}),
        ([*RIGHT, (0, 0, 7)], {"duplicated": 1, "streams_with_duplicates": 1}),
        ([(0, 1, 8), (1, 0, 7), (0, 0, 7), (1, 1, 8)], {"out_of_order": 1}),
        ([(0, 0, 8), (0, 1, 7), (1, 0, 8), (1, 1, 7)], {"out_of_order": 2}),
        ([(0, 0, 7), (1, 0, 6), (0, 1, 8), (1, 1, 8)], {"ids_disagree": 1}),
        ([], {"lost": 4}),
    ],
)
def test_each_wrong_is_counted_as_what_it_is(came, wrong):
    found = vars(verdict(received(*came), streams=2, events=2))
    assert {name: count for name, count in found.items() if count} == wrong


@pytest.mark.parametrize("fact", ["strays", "ended"])
def test_a_late_event_of_an_earlier_run_and_an_ended_stream_are_wrong(fact):
    assert not verdict(received(*RIGHT, **{fact: 1}), streams=2, events=2).right


def test_delays_run_from_each_commit_to_the_first_arrival():
    came = received((0, 0, 7), (0, 0, 7), (0, 1, 8))
    assert delays_ms(came, [-1_000_000, -2_000_000]) == [1.0, 2.000002]


def test_a_percentile_is_a_measured_value():
    assert [percentile([1, 2, 3, 4], percent) for percent in (50, 99, 100)] == [2, 4, 4]
