"""A shop whose orders are placed by a process of its own, and what its readers receive."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.services import POSTGRESQL, ROOT, Site
from tests.support.sse import SseClient

on_postgresql = pytest.mark.parametrize("engine", [POSTGRESQL], indirect=True)


def until(condition: Callable[[], Any], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(0.1)


class Shop:
    """A process of its own in which orders are placed, one when asked, as a worker would that outlives every outage."""

    PROGRAM = """
import sys, time
from django.core.management import call_command
from django.db import close_old_connections
for line in sys.stdin:
    began = time.monotonic()
    close_old_connections()
    call_command("place_order")
    close_old_connections()
    print(time.monotonic() - began, flush=True)
"""

    def __init__(self, site: Site) -> None:
        """Starts it, and does not wait for it."""
        self.errors = (site.folder / "shop.log").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "shell", "--no-imports", "--command", self.PROGRAM],
            cwd=ROOT,
            env=site.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )

    def place_an_order(self) -> tuple[str, float]:
        """Returns its number, and how long its save took."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        lines = [line for _ in range(2) if (line := self.process.stdout.readline().strip())]
        assert len(lines) == 2, (Path(self.errors.name)).read_text()
        return lines[0], float(lines[1])

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        self.errors.close()


def hears_an_order(shop: Shop, client: SseClient, within: float = 10) -> None:
    """Places an order; the save must neither fail nor wait for long, and the stream must tell of it."""
    number, seconds = shop.place_an_order()
    assert seconds < 12
    client.wait_for(lambda event: event.event == "order.placed" and number in event.data, timeout=within)
