"""Each row passes against a server that keeps to it, and fails against one that breaks it."""

import asyncio
import os
import ssl
from pathlib import Path

import pytest

from notifications.testing.conformance.registry import ROWS
from notifications.testing.conformance.runner import chosen_rows, try_row, try_rows
from notifications.testing.conformance.target import Target
from tests.notifications.testing.conformance.server import FRIEND, SmallServer
from tests.support.certificates import make_certificate
from tests.support.processes import free_port

# More than the server takes, so that it turns some away.
CONNECTIONS = 40


def outcome(name: str, broken: str, folder: Path):
    is_secure = name == "http-2"
    if is_secure:
        make_certificate(folder)
    with SmallServer(broken, folder if is_secure else None) as server:
        target = Target(
            f"{server.url}/events/",
            publish=f"{server.url}/publish/",
            terminal=f"{server.url}/ended/",
            origin=FRIEND,
            pid=os.getpid(),
            connections=CONNECTIONS,
            seconds=2,
            ping_seconds=2,
        )
        if is_secure:
            target.context = ssl.create_default_context()
            target.context.check_hostname, target.context.verify_mode = False, ssl.CERT_NONE
        [row] = chosen_rows([name])
        return asyncio.run(try_row(row, target))


@pytest.mark.parametrize("name", ROWS)
def test_the_row_passes_against_a_server_that_keeps_to_it(name, tmp_path):
    result = outcome(name, "", tmp_path)
    assert result.verdict == "pass", result


@pytest.mark.parametrize("name", ROWS)
def test_the_row_fails_against_a_server_that_breaks_it(name, tmp_path):
    result = outcome(name, name, tmp_path)
    assert result.verdict == "fail", result
    assert result.reason


def test_what_cannot_be_tried_is_skipped_with_its_reason():
    with SmallServer() as server:
        target = Target(f"{server.url}/events/", seconds=2, ping_seconds=2, connections=5)
        results = asyncio.run(try_rows(ROWS.values(), target, lambda _result: None))
    skipped = {result.row.name: result.reason for result in results if result.verdict == "skip"}
    assert [result for result in results if result.verdict == "fail"] == []
    assert skipped["delivery"] == skipped["resume-at-every-byte"] == "it needs --publish"
    assert skipped["terminal"] == "it needs --terminal"
    assert skipped["cleanup"] == "it needs --pid, of a process of this machine"
    assert skipped["http-2"] == "browsers speak HTTP/2 over TLS alone"
    assert skipped["shedding"] == "none of 5 was turned away"
    passed = [result for result in results if result.verdict == "pass"]
    assert len(passed) > 25


def test_no_server_at_all_fails_rows_and_ends():
    target = Target(f"http://127.0.0.1:{free_port()}/events/", seconds=2, ping_seconds=2, connections=5)
    results = asyncio.run(try_rows(chosen_rows(["content-type", "everybody", "cleanup"]), target, lambda _result: None))
    assert [result.verdict for result in results] == ["fail", "skip", "skip"]
    assert "got no response" in results[0].reason
