"""Real programs under test: started with a log file, awaited until they answer, ended by their own process id."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.support.forks import Fork

ENDS_WITHIN = 20.0


def unavailable(what: str, package: str) -> NoReturn:
    """Skips the test, naming the Debian package that is missing; fails it where every service is demanded."""
    reason = f"{what} is not installed (Debian package {package})"
    if os.environ.get("REQUIRE_SERVICES") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def program(*names: str, package: str, also_in: Sequence[str] = ()) -> Path:
    """Returns the first of these programs that is installed."""
    # The sbin folders are not on the PATH of everyone, but servers live there.
    places = os.pathsep.join([*also_in, os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    for name in names:
        if found := shutil.which(name, path=places):
            return Path(found)
    unavailable(names[0], package)


def free_port() -> int:
    """Returns a port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Daemon:
    """One child process with its output in a file."""

    def __init__(self, command: Sequence[str | Path], log_path: Path, **options: Any):
        """Starts it in a session of its own, so that what it forks can be ended with it."""
        self.log_path = log_path
        self.process = self.begin([str(part) for part in command], **options)

    def begin(self, command: list[str], **options: Any) -> "subprocess.Popen[bytes] | Fork":
        with self.log_path.open("ab") as output:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **options,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def log(self) -> str:
        """Returns everything it has written so far."""
        return self.log_path.read_text(errors="replace")

    def threads(self) -> int:
        """Counts its threads."""
        return len(list(Path(f"/proc/{self.pid}/task").iterdir()))

    def sockets(self) -> int:
        """Counts its sockets, those it listens on among them."""
        found = 0
        for link in Path(f"/proc/{self.pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                found += str(link.readlink()).startswith("socket:")
        return found

    def wait_until(self, ready: Callable[[], bool], timeout: float) -> None:
        """Returns once `ready()` is true; ends the process and shows its log when that takes too long."""
        deadline = time.monotonic() + timeout
        while not ready():
            if not self.running:
                raise AssertionError(f"ended with {self.process.returncode} before it was ready:\n{self.log()}")
            if time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"not ready within {timeout:g} s:\n{self.log()}")
            time.sleep(0.05)

    def terminate(self, number: int = signal.SIGTERM, timeout: float = ENDS_WITHIN) -> int:
        """Asks it to end, and returns its exit code."""
        if self.running:
            self.process.send_signal(number)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"ignored signal {number} for {timeout:g} s:\n{self.log()}") from None

    def kill(self) -> None:
        """Ends it, and whatever it has forked, without asking."""
        # Once it is reaped its id may be somebody else's.
        if self.running:
            os.killpg(self.pid, signal.SIGKILL)
            self.process.wait()
