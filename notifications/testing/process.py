"""Server processes for tests: started with their output in a file, awaited until they answer, ended by their process id.

The one starter of servers: `sse_client` (streams.py), the payment lab and the project's own tests use it.
"""

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

# Seconds that a server may take to answer; most take one or two, and machines under test are busy.
STARTS_WITHIN = 60.0
# Seconds that it may take to end after a signal.
ENDS_WITHIN = 20.0

# A proxy of the developer's shell must not see requests to this machine.
_opener = build_opener(ProxyHandler({}))


def free_port() -> int:
    """Returns a TCP port of the loopback interface on which no process listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ChildProcess:
    """A child process in a session of its own, so that the processes it forks can be ended with it."""

    def __init__(self, command: Sequence[str | Path], log_path: Path | None = None, **options: Any) -> None:
        """Starts it.

        log_path: where its output is appended; default: a temporary file, deleted by close(). options: of Popen.
        """
        self._temporary = log_path is None
        if log_path is None:
            descriptor, name = tempfile.mkstemp(prefix="server-", suffix=".log")
            os.close(descriptor)
            log_path = Path(name)
        self.log_path = log_path
        with log_path.open("ab") as output:
            self.process = subprocess.Popen(  # noqa: S603  the caller's own command
                [str(part) for part in command],
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

    def wait_until(self, ready: Callable[[], bool], timeout: float) -> None:
        """Returns once `ready()` is true; raises RuntimeError with its output if it ends, or after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not ready():
            if not self.running:
                raise RuntimeError(f"ended with {self.process.returncode} before it was ready:\n{self.log()}")
            if time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"not ready within {timeout:g} s:\n{self.log()}")
            time.sleep(0.05)

    def terminate(self, number: int = signal.SIGTERM, timeout: float = ENDS_WITHIN) -> int:
        """Sends a signal, waits for the end, and returns the exit code; raises RuntimeError after `timeout` seconds."""
        if self.running:
            self.process.send_signal(number)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError(f"ignored signal {number} for {timeout:g} s:\n{self.log()}") from None

    def kill(self) -> None:
        """Ends it and the processes it has forked, at once."""
        # After wait() its id may belong to another process.
        if self.running:
            os.killpg(self.pid, signal.SIGKILL)
            self.process.wait()

    def close(self) -> None:
        """Ends it, and deletes its temporary output."""
        self.kill()
        if self._temporary:
            with suppress(FileNotFoundError):
                self.log_path.unlink()


class RunningServer(ChildProcess):
    """A server on a port of 127.0.0.1."""

    def __init__(
        self,
        command: Sequence[str | Path],
        port: int,
        log_path: Path | None = None,
        env: Mapping[str, str] | None = None,
        *,
        health: str | None = "/healthz",
        **options: Any,
    ) -> None:
        """Starts it, and returns once it answers.

        health: the path that answers 200 when the server is ready; None: it is ready when it accepts connections.
        Raises RuntimeError with its output if it ends before, or does not answer within STARTS_WITHIN seconds.
        """
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.health = health
        super().__init__(command, log_path, env=env, **options)
        try:
            self.wait_until(self.answers, STARTS_WITHIN)
        except RuntimeError:
            self.close()
            raise

    def answers(self) -> bool:
        """Whether it is ready."""
        if self.health is None:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0
        try:
            with _opener.open(self.url + self.health, timeout=5) as response:
                return bool(response.status == 200)
        except (OSError, HTTPException):
            return False
