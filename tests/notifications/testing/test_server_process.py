"""The starter of processes that tests rely on: what it says when a server does not start or end."""

import signal
import sys
import time

import pytest

from notifications.testing import ChildProcess, LocalServer, free_port

IGNORES = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


def test_a_server_is_there_when_its_constructor_returns_and_gone_after_kill(tmp_path):
    port = free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    with LocalServer(command, port, tmp_path / "log", health="/", cwd=tmp_path) as server:
        assert server.answers()
        assert server.url == f"http://127.0.0.1:{port}"
        assert '"GET / HTTP/1.1" 200' in server.log()
    assert not server.running
    assert not server.answers()
    server.kill()


def test_a_server_that_only_listens_is_ready_where_no_path_is_named(tmp_path):
    port = free_port()
    code = f"import socket, time; s = socket.create_server(('127.0.0.1', {port})); time.sleep(60)"
    with LocalServer([sys.executable, "-c", code], port, tmp_path / "log") as server:
        assert server.terminate() == -signal.SIGTERM


def test_a_server_that_ends_before_it_answers_shows_its_log(tmp_path):
    with pytest.raises(AssertionError, match=r"ended with 3 before it was ready:\nno such database"):
        LocalServer([sys.executable, "-c", "print('no such database'); exit(3)"], free_port(), tmp_path / "log")


def test_a_server_that_never_answers_is_killed_and_shows_its_log(tmp_path):
    began = time.monotonic()
    with pytest.raises(AssertionError, match=r"not ready within 1\.5 s:\nup"):
        LocalServer([sys.executable, "-c", IGNORES], free_port(), tmp_path / "log", starts_within=1.5)
    assert time.monotonic() - began < 20


def test_a_process_that_ignores_its_signal_is_killed_and_shows_its_log(tmp_path):
    child = ChildProcess([sys.executable, "-c", IGNORES], tmp_path / "log")
    child.wait_until(lambda: "up" in child.log(), 20)
    with pytest.raises(AssertionError, match=r"ignored signal 15 for 0\.2 s:\nup"):
        child.terminate(timeout=0.2)
    assert not child.running
