"""`serve --workers` where a worker cannot start or does not end, and a rolling restart."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from notifications.testing import free_port
from tests.site.serve.workers import runs, serve_with_workers, streams_on_all, until, workers_of
from tests.support.services import ROOT, Site
from tests.support.sse import login

BROKEN = 'ASGI_APPLICATION = "nowhere.application"\n'


@pytest.fixture
def release(demo_site: Site, tmp_path: Path) -> Path:
    """The settings of the site in a file that can be replaced while it runs, as a new release replaces the code."""
    settings = tmp_path / "release.py"
    settings.write_text("from tests.support.settings import *\n")
    python_path = os.pathsep.join([str(tmp_path), str(ROOT)])
    demo_site.environment |= {
        "DJANGO_SETTINGS_MODULE": "release",
        "PYTHONPATH": python_path,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return settings


def test_workers_that_cannot_start_are_given_up_with_one_message(demo_site: Site, release: Path):
    with release.open("a") as settings:
        settings.write(BROKEN)
    done = subprocess.run(
        [sys.executable, "manage.py", "serve", "--port", str(free_port()), "--workers", "3"],
        cwd=ROOT,
        env=demo_site.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.count("ImproperlyConfigured: Cannot import ASGI_APPLICATION module 'nowhere'") == 1
    assert done.stderr.count("before it served") == 1
    assert done.stderr.strip().splitlines()[-1] == "CommandError: worker 1 of 3 could not start: see above"


# The second worker hangs in its first start.
SLOW = """
import json, os, pathlib, time
begun = pathlib.Path({begun!r})
if json.loads(os.environ.get("NOTIFICATIONS_WORKER", "{{}}")).get("number") == 2 and not begun.exists():
    begun.touch()
    time.sleep(60)
"""


def test_a_worker_that_ends_in_its_first_start_does_not_end_one_that_serves(demo_site: Site, release: Path):
    begun = demo_site.folder / "begun"
    with release.open("a") as settings:
        settings.write(SLOW.format(begun=str(begun)))
    port = free_port()
    server = demo_site.start("manage.py", "serve", "--port", str(port), "--workers", "2", port=port)
    until(begun.exists, server.log())
    (first, second) = workers_of(server)
    os.kill(second, signal.SIGKILL)
    until(lambda: "with 2 workers" in server.log(), server.log())
    assert first in workers_of(server)
    assert "worker 2 " in server.log()
    assert "before it served" in server.log()


def test_a_port_that_is_taken_is_named_once(demo_site: Site):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = demo_site.manage("serve", "--port", str(port), "--workers", "2", check=False)
    assert done.returncode == 1
    assert done.stderr == f"CommandError: cannot listen on http://127.0.0.1:{port}/: Address already in use\n"


def test_a_rolling_restart_refuses_nobody(demo_site: Site):
    server = serve_with_workers(demo_site)
    found = streams_on_all(server, login(server.url, "seller").cookies)
    refused: list[Exception] = []
    answers: list[int] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            try:
                answers.append(httpx.get(f"{server.url}/healthz", trust_env=False, timeout=20).status_code)
            except httpx.HTTPError as error:
                refused.append(error)

    asking = [threading.Thread(target=ask) for _ in range(3)]
    for thread in asking:
        thread.start()
    server.process.send_signal(signal.SIGUSR2)
    try:
        until(lambda: len(workers_of(server)) == 2 and not set(workers_of(server)) & set(found), server.log())
    finally:
        over.set()
        for thread in asking:
            thread.join()
    assert refused == []
    assert set(answers) == {200}
    for client in [client for held in found.values() for client in held]:
        client.wait_closed()
        assert [event.event for event in client.events] == ["bye"]
    assert "ERROR" not in server.log()
    assert server.terminate() == 0


def test_a_release_that_cannot_start_does_not_replace_one_that_serves(demo_site: Site, release: Path):
    server = serve_with_workers(demo_site)
    before = workers_of(server)
    whole = release.read_text()
    release.write_text(whole + BROKEN)
    server.process.send_signal(signal.SIGUSR2)
    until(lambda: "before it served: the old one stays" in server.log(), server.log())
    # Its turn would be the second worker's.
    time.sleep(1)
    assert workers_of(server) == before
    assert server.log().count("the old one stays") == 1
    assert httpx.get(f"{server.url}/healthz", trust_env=False).status_code == 200
    release.write_text(whole)
    server.process.send_signal(signal.SIGUSR2)
    until(lambda: len(workers_of(server)) == 2 and not set(workers_of(server)) & set(before), server.log())


def test_workers_that_fail_again_and_again_are_given_up(demo_site: Site, release: Path):
    server = serve_with_workers(demo_site)
    release.write_text(release.read_text() + BROKEN)
    for pid in workers_of(server):
        os.kill(pid, signal.SIGKILL)
    assert server.process.wait(60) == 1
    log = server.log()
    assert "CommandError: no worker serves, and 5 starts in a row have failed: see above" in log
    # The pause grows.
    assert "starts in 0.5 s" in log
    assert "starts in 1 s" in log


def test_a_second_signal_ends_a_worker_that_does_not(demo_site: Site):
    server = serve_with_workers(demo_site)
    workers = workers_of(server)
    os.kill(workers[0], signal.SIGSTOP)
    server.process.send_signal(signal.SIGTERM)
    until(lambda: not runs(workers[1]), server.log())
    assert server.running
    began = time.monotonic()
    assert server.terminate() == 1
    assert time.monotonic() - began < 5
    assert [pid for pid in workers if runs(pid)] == []
    assert "CommandError: ended at once, on a second signal" in server.log()


def test_a_worker_that_hangs_is_killed_at_the_end(demo_site: Site):
    server = serve_with_workers(demo_site)
    workers = workers_of(server)
    os.kill(workers[0], signal.SIGSTOP)
    assert server.terminate(timeout=30) == 1
    assert [pid for pid in workers if runs(pid)] == []
    assert "has not ended within 10 s and is killed" in server.log()
