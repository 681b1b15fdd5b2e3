"""Runs the tests that run in one process once more, on PostgreSQL and Redis: `python -m tests.support.on_postgresql`.

Tests that start servers of their own choose their database themselves (fixture `engine`), and are left out.
"""

import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.support.services import ROOT, PostgresServer, RedisServer

SUITES = ["tests/notifications", "tests/orders", "tests/blog"]
# As in the Makefile; pytest-django gives each worker a database, tests/conftest.py a prefix in Redis.
PARALLEL = ["--numprocesses", "auto"]


def main(arguments: list[str]) -> int:
    """Returns the exit code of pytest, which gets these arguments. Without a folder or file of tests among them: all suites."""
    suites = [] if any(argument.startswith("tests/") for argument in arguments) else SUITES
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="redis-"))
        postgres = PostgresServer()
        stack.callback(postgres.close)
        redis = RedisServer(Path(folder))
        stack.callback(redis.stop)
        environment = {**os.environ, "DATABASE_URL": postgres.database_url("tests"), "REDIS_URL": redis.url}
        command = [sys.executable, "-m", "pytest", "--in-process", *PARALLEL, *suites, *arguments]
        return subprocess.run(command, cwd=ROOT, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
