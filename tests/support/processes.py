"""Real programs under test: started with a log file, awaited until they answer, ended by their own process id."""

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import pytest

from notifications.testing import ChildProcess, free_port

__all__ = ["Daemon", "free_port", "program", "unavailable"]


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


class Daemon(ChildProcess):
    """One child process with its output in a file."""

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
