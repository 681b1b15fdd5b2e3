"""Child processes for tests, and servers among them: started with a log file, awaited until they answer, ended by their id."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Self

# Seconds. Most servers of a Django project take one or two; on a busy machine ten.
STARTS_WITHIN = 60.0
ENDS_WITHIN = 20.0
# Seconds between two looks at whether it answers.
LOOKS_EVERY = 0.05


def free_port() -> int:
    """Returns a TCP port of the loopback interface on which no program listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ChildProcess:
    """A child process with its output in a file."""

    def __init__(self, command: Sequence[str | Path], log_path: Path, **options: Any) -> None:
        """Starts it. Its output is appended to log_path. options: as subprocess.Popen's, such as cwd and env."""
        self.log_path = log_path
        self.process = self.begin([str(part) for part in command], **options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def begin(self, command: list[str], **options: Any) -> Any:
        """Starts the process, in a session of its own: what it forks is ended with it. Returns what Popen does."""
        with self.log_path.open("ab") as output:
            return subprocess.Popen(  # noqa: S603  the caller's own command
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **options,
            )

    @property
    def pid(self) -> int:
        return int(self.process.pid)

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def log(self) -> str:
        """Returns everything it has written so far."""
        return self.log_path.read_text(errors="replace")

    def wait_until(self, ready: Callable[[], bool], timeout: float) -> None:
        """Returns once `ready()` is true.

        timeout: in seconds. Raises AssertionError with the log if the process ends, or after the timeout, and then
        kills it.
        """
        deadline = time.monotonic() + timeout
        while not ready():
            if not self.running:
                raise AssertionError(f"ended with {self.process.returncode} before it was ready:\n{self.log()}")
            if time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"not ready within {timeout:g} s:\n{self.log()}")
            time.sleep(LOOKS_EVERY)

    def terminate(self, number: int = signal.SIGTERM, timeout: float = ENDS_WITHIN) -> int:
        """Sends the signal, and returns the exit code; after `timeout` seconds kills it and raises AssertionError."""
        if self.running:
            self.process.send_signal(number)
        try:
            return int(self.process.wait(timeout))
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"ignored signal {number} for {timeout:g} s:\n{self.log()}") from None

    def kill(self) -> None:
        """Ends it at once, and everything it has forked; does nothing if it has ended."""
        # Once it is reaped, another process may have its id.
        if self.running:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self.process.wait()


class LocalServer(ChildProcess):
    """A child process that answers on a port of the loopback interface; `url` is its address, without a slash at its end."""

    def __init__(
        self,
        command: Sequence[str | Path],
        port: int,
        log_path: Path,
        *,
        health: str | None = None,
        starts_within: float = STARTS_WITHIN,
        **options: Any,
    ) -> None:
        """Starts it, and returns once it answers.

        health: the path that answers 200 once it is ready; default: it is ready once it listens. starts_within: in
        seconds. options: as subprocess.Popen's. Raises AssertionError with the log if it does not answer.
        """
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.health = health
        super().__init__(command, log_path, **options)
        try:
            self.wait_until(self.answers, starts_within)
        except BaseException:
            # Interrupted: the caller has no object to end it by.
            self.kill()
            raise

    def answers(self) -> bool:
        """Whether it is ready."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.connect()
            if self.health is None:
                return True
            connection.request("GET", self.health)
            response = connection.getresponse()
            response.read()
            return response.status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()
