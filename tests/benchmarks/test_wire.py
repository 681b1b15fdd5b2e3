"""The load client must read right whatever the cuts, or the benchmark would call a good server wrong."""

import pytest

from .wire import EventParser, ResponseDecoder, SentEvent, WireError

BODY = b'retry: 3000\n\n: padding\n\nid: 41\nevent: order.placed\ndata: {"a": 1}\n\nevent: ping\ndata: {}\n\n'
EVENTS = [SentEvent(b"order.placed", b"41", b'{"a": 1}'), SentEvent(b"ping", b"", b"{}")]


def chunked(body: bytes, size: int) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


def read(pieces: list[bytes]) -> tuple[ResponseDecoder, list[SentEvent]]:
    decoder, parser = ResponseDecoder(), EventParser()
    return decoder, [event for piece in pieces for event in parser.feed(decoder.feed(piece))]


@pytest.mark.parametrize("chunk", [1, 7, 30, 1000])
def test_events_are_the_same_wherever_one_read_ends_and_the_next_begins(chunk):
    raw = chunked(BODY, chunk)
    for cut in range(1, len(raw)):
        decoder, events = read([raw[:cut], raw[cut:]])
        assert (decoder.status, decoder.ended, events) == (200, True, EVENTS), cut


def test_events_are_read_one_byte_at_a_time():
    decoder, events = read([bytes([byte]) for byte in chunked(BODY, 11)])
    assert (decoder.status, decoder.ended, events) == (200, True, EVENTS)


def test_an_unchunked_response_lasts_until_the_server_closes():
    decoder, events = read([b"HTTP/1.1 200 OK\r\n\r\n" + BODY[:50], BODY[50:]])
    assert (decoder.ended, events) == (False, EVENTS)


def test_lines_may_end_in_carriage_return_and_line_feed():
    assert EventParser().feed(b"id: 1\r\ndata: a\r\ndata: b\r\n\r\n") == [SentEvent(b"message", b"1", b"a\nb")]


def test_no_content_ends_at_once():
    decoder, events = read([b"HTTP/1.1 204 No Content\r\n\r\n"])
    assert (decoder.status, decoder.ended, events) == (204, True, [])


def test_a_broken_chunk_is_an_error_not_a_lost_event():
    decoder = ResponseDecoder()
    with pytest.raises(WireError):
        decoder.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n")
