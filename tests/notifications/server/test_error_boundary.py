"""The guard of trap 3, alone and under the real server."""

import asyncio

import pytest

from notifications.server.error_boundary import ErrorBoundary


def answer(application) -> list[dict]:
    """Runs an application under the guard and returns what it sent."""
    sent: list[dict] = []

    async def send(message):
        sent.append(message)

    asyncio.run(ErrorBoundary(application)({"type": "http", "method": "GET", "path": "/"}, None, send))
    return sent


START = {"type": "http.response.start", "status": 200, "headers": []}


def test_an_error_in_mid_answer_is_logged_and_ends_the_answer(caplog):
    async def application(scope, receive, send):
        await send(START)
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError("out of ink")

    assert answer(application)[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
    assert "out of ink" in caplog.text


def test_an_error_after_the_end_ends_nothing_twice(caplog):
    async def application(scope, receive, send):
        await send(START)
        await send({"type": "http.response.body", "body": b"all"})
        raise RuntimeError("out of ink")

    assert len(answer(application)) == 2
    assert "out of ink" in caplog.text


def test_an_error_before_the_answer_is_the_servers_to_report():
    async def application(scope, receive, send):
        raise RuntimeError("out of ink")

    with pytest.raises(RuntimeError):
        answer(application)


def test_cancelling_passes_through():
    async def application(scope, receive, send):
        await send(START)
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        answer(application)
