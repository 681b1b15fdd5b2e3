"""The reader that other tests trust: it must read as the standard says, wherever the bytes are cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.sse import SseParser

STREAM = (
    b"\xef\xbb\xbfretry: 1500\n\n"
    b": a comment\n"
    b"id: 1\revent: order.placed\rdata: {}\r\r"
    b"id: 2\r\ndata: one\r\ndata:  two\r\nunknown: field\r\n\r\n"
    b"event: dropped for want of data\n\n"
    b"data: \xe4\xb8\xad\xe6\x96\x87\n\n"
    b"id\ndata\n\n"
    b"retry: soon\nid: with\0null\ndata: x\n\n"
    b"data: cut off by the end\n"
)
EVENTS = [
    ("1", "order.placed", "{}"),
    ("2", "message", "one\n two"),
    ("2", "message", "中文"),
    ("", "message", ""),
    ("", "message", "x"),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_the_events_are_the_same_wherever_the_bytes_are_cut(cuts):
    parser = SseParser()
    edges = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[start:end] for start, end in pairwise(edges)]
    events = [event for piece in pieces for event in parser.feed(piece)]
    assert [(event.id, event.event, event.data) for event in events] == EVENTS
    assert parser.retry == 1500


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_an_event_is_dispatched_as_soon_as_its_empty_line_is_there(ending):
    assert len(SseParser().feed(f"data: now{ending}{ending}".encode())) == 1


@pytest.mark.parametrize("value", ["-1", "+1", " 1", "1_000", "1.5", "\u0661", ""])
def test_a_retry_of_other_characters_than_digits_is_ignored(value):
    parser = SseParser()
    parser.feed(f"retry: {value}\n\n".encode())
    assert parser.retry is None


def test_an_empty_line_without_data_before_it_is_no_event():
    parser = SseParser()
    assert [event.data for event in parser.feed(b"id: 5\ndata: x\n\n\nid: 6\n\n")] == ["x"]
    assert parser.last_event_id == "6"


def test_only_cr_and_lf_end_a_line():
    (event,) = SseParser().feed("data: a\u2028b\x0b\x0c\x85c\n\n".encode())
    assert event.data == "a\u2028b\x0b\x0c\x85c"
