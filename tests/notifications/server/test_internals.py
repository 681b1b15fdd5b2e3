"""What `serve` uses of Daphne and Twisted beyond their documented interfaces is checked at its start."""

import logging

import pytest
from daphne.server import Server
from django.core.management import CommandError, call_command
from twisted.internet.abstract import FileDescriptor
from twisted.web.http import HTTPChannel, Request

from notifications.server import direct_write, internals


def test_the_pinned_versions_have_everything():
    assert internals.missing_for_serving() == []
    assert internals.missing_for_direct_writes() == []


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        *[(Server, name) for name in internals.SERVER[Server]],
        *[(Request, name) for name in internals.RESPONSE[Request]],
        (HTTPChannel, "MAX_LENGTH"),
    ],
)
def test_serve_refuses_to_start_without_what_it_needs_and_names_it(monkeypatch, owner, name):
    monkeypatch.setattr(internals, "hasattr", lambda o, n: (o, n) != (owner, name) and hasattr(o, n), raising=False)
    with pytest.raises(CommandError) as raised:
        call_command("serve", port=1)
    assert str(raised.value) == f"this Daphne or Twisted has no {owner.__name__}.{name}"


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        *[(FileDescriptor, name) for name in internals.DIRECT_WRITE[FileDescriptor]],
        *[(Request, name) for name in internals.DIRECT_WRITE[Request]],
    ],
)
def test_without_what_direct_writes_need_the_ordinary_path_is_taken_and_logged(monkeypatch, caplog, owner, name):
    assert direct_write.is_supported()
    monkeypatch.setattr(internals, "hasattr", lambda o, n: (o, n) != (owner, name) and hasattr(o, n), raising=False)
    with caplog.at_level(logging.WARNING):
        assert not direct_write.is_supported()
    assert f"{owner.__name__}.{name}" in caplog.text


def test_without_twisteds_buffer_of_parts_the_ordinary_path_is_taken(monkeypatch):
    monkeypatch.setattr(internals, "BUFFER_OF_PARTS", "_renamed")
    assert internals.missing_for_direct_writes() == ["FileDescriptor._renamed"]
    assert not direct_write.is_supported()


def test_released_headers_are_no_object_that_two_requests_share():
    class Released:
        requestHeaders = responseHeaders = clean_headers = None  # noqa: N815  Twisted's names

    first, second = Released(), Released()
    internals.release_headers(first)
    internals.release_headers(second)
    assert first.requestHeaders is not second.requestHeaders
    assert first.responseHeaders is not second.responseHeaders
    assert first.clean_headers is not second.clean_headers
