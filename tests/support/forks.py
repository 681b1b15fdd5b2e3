"""Runs the site's Python programs as forks of an interpreter that has imported the packages already.

To import Django, Daphne and their dependencies takes a second or more of a processor, and the tests start hundreds of
processes. A fork is a process of its own all the same: it has the environment that it is given, reads the settings and
imports the project's own code itself. Where the start or the end of a process is what is tested, a new interpreter
takes its place (processes.Daemon): a fork ends without the interpreter's own shutdown.
"""

import atexit
import faulthandler
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from multiprocessing.connection import wait
from pathlib import Path

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.support.preloaded"])
# multiprocessing looks at all of its processes whenever one starts, and reads each exit code from a pipe: two threads
# must not read the same one.
LOCK = threading.Lock()
CHECKOUT = Path(__file__).resolve().parents[2]


class Fork:
    """A Python program with its output in files; has what the tests use of subprocess.Popen."""

    def __init__(
        self,
        script: Path,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        stdout: Path,
        stderr: Path | None = None,
        stdin: Path | None = None,
    ) -> None:
        """Starts it in the script's folder and in a session of its own; without a file, stderr goes to stdout."""
        files = (stdin or Path(os.devnull), stdout, stderr)
        # Ended with the tests, should one leave it behind.
        self.process = CONTEXT.Process(
            target=_become, args=(script, list(arguments), dict(environment), files), daemon=True
        )
        with LOCK:
            self.process.start()
        assert self.process.pid
        self.pid = self.process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code once it has ended; where a signal ended it, the signal's number, negative."""
        return self.poll()

    def poll(self) -> int | None:
        with LOCK:
            return self.process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Returns the exit code; raises subprocess.TimeoutExpired after `timeout` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            remaining = None if deadline is None else deadline - time.monotonic()
            if remaining is not None and remaining <= 0:
                raise subprocess.TimeoutExpired(str(self.process.name), timeout or 0)
            wait([self.process.sentinel], remaining)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def completed(
    script: Path, arguments: Sequence[str], environment: Mapping[str, str], *, timeout: float, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Runs the script to its end, as subprocess.run does with a new interpreter; at the timeout it is killed."""
    with tempfile.TemporaryDirectory(prefix="command-") as folder:
        stdin_file, stdout, stderr = (Path(folder, name) for name in ("stdin", "stdout", "stderr"))
        stdin_file.write_text(stdin)
        fork = Fork(script, arguments, environment, stdin=stdin_file, stdout=stdout, stderr=stderr)
        try:
            code = fork.wait(timeout)
        finally:
            fork.kill()
        return subprocess.CompletedProcess(arguments, code, stdout.read_text(), stderr.read_text())


def _become(
    script: Path, arguments: list[str], environment: dict[str, str], files: tuple[Path, Path, Path | None]
) -> None:
    """Runs the script as a new interpreter would, in the process that was forked for it."""
    os.setsid()
    os.chdir(script.parent)
    os.environ.clear()
    os.environ.update(environment)
    stdin, stdout, stderr = files
    os.dup2(os.open(stdin, os.O_RDONLY), 0)
    os.dup2(os.open(stdout, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644), 1)
    os.dup2(os.open(stderr, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644) if stderr else 1, 2)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", buffering=1, encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
    if environment.get("PYTHONFAULTHANDLER"):
        faulthandler.enable()
    sys.argv = [script.name, *arguments]
    # What an interpreter does with its variables; this checkout is on the path of its own programs alone.
    sys.dont_write_bytecode = bool(environment.get("PYTHONDONTWRITEBYTECODE"))
    added = [folder for folder in environment.get("PYTHONPATH", "").split(os.pathsep) if folder]
    sys.path[:] = [
        str(script.parent),
        *added,
        *(path for path in sys.path if path and Path(path).resolve() != CHECKOUT),
    ]
    try:
        runpy.run_path(str(script), run_name="__main__")
    finally:
        # multiprocessing ends its processes without these.
        atexit._run_exitfuncs()
