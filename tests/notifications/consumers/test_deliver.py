"""`manage.py deliver` as operators run it: beside a server, twice, killed, told to end; on both engines."""

import os
import signal
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from notifications.consumers.lease import LEASE_SECONDS
from notifications.testing import free_port
from tests.support.processes import Daemon
from tests.support.services import POSTGRESQL, ROOT, SQLITE, Site

both_engines = pytest.mark.parametrize("engine", [SQLITE, POSTGRESQL], indirect=True)
# A busy machine, and the lease of a process that was killed.
PATIENCE = 60


class Delivery:
    """A site with the consumers of `recorder`, and its processes."""

    def __init__(self, site: Site, folder: Path):
        self.site, self.folder = site, folder
        self.record = folder / "record"
        self.record.touch()
        self.processes: list[Daemon] = []
        site.environment |= {
            "DJANGO_SETTINGS_MODULE": "tests.notifications.consumers.site_settings",
            "RECORD": str(self.record),
        }

    def start(self, *options: str, **environment: str) -> Daemon:
        command = [sys.executable, "manage.py", "deliver", *options]
        log_path = self.folder / f"deliver-{len(self.processes)}.log"
        made = Daemon(command, log_path, cwd=ROOT, env=self.site.environment | environment)
        self.processes.append(made)
        made.wait_until(lambda: "Consumers: " in made.log(), PATIENCE)
        return made

    def tell(self, *kinds: str) -> None:
        code = "from notifications import log; from notifications.models import Event;"
        code += f"log.append_all([Event(channel='user:1', kind=kind) for kind in {list(kinds)!r}])"
        self.site.manage("shell", "--command", code)

    def lines(self) -> list[list[str]]:
        return [line.split() for line in self.record.read_text().splitlines()]

    def positions(self) -> list[int]:
        return [int(words[-1]) for words in self.lines() if "begins" not in words]

    def until(self, ready) -> None:
        end = time.monotonic() + PATIENCE
        while not ready():
            assert time.monotonic() < end, (self.lines(), [process.log() for process in self.processes])
            time.sleep(0.02)

    def until_leased(self) -> None:
        """The cursor is made, and a process has the lease."""
        self.until(lambda: "held by" in self.line())

    def line(self) -> str:
        """The line of the recorder."""
        lines = self.site.manage("deliver", "--list").stdout.splitlines()
        return next(line for line in lines if line.startswith("recorder: "))


@pytest.fixture
def delivery(site: Site, tmp_path):
    made = Delivery(site, tmp_path)
    yield made
    for process in made.processes:
        process.kill()


@both_engines
def test_of_two_processes_one_works_and_when_it_is_killed_the_other_goes_on(delivery: Delivery):
    processes = [delivery.start(EVENT_SECONDS="0.05") for _ in range(2)]
    delivery.until_leased()
    delivery.tell(*["test.thing"] * 40)
    delivery.until(lambda: len(delivery.positions()) >= 12)
    (working,) = {int(pid) for pid, *_rest in delivery.lines()}
    next(process for process in processes if process.pid == working).kill()
    killed_at = time.monotonic()
    first = delivery.positions()
    delivery.until(lambda: len(set(delivery.positions())) == 40)
    took = time.monotonic() - killed_at
    assert took < LEASE_SECONDS + 15, took
    assert {int(pid) for pid, *_rest in delivery.lines()} == {process.pid for process in processes}
    # Every event, and again only those of the batch that was begun.
    assert len(delivery.positions()) - 40 <= 10
    assert delivery.positions()[len(first) :] == sorted(delivery.positions()[len(first) :])


@both_engines
def test_a_wake_up_begins_the_work_at_once_and_sigterm_ends_it_cleanly(delivery: Delivery):
    port = free_port()
    # Whoever only polls comes too late.
    process = delivery.start("--metrics-port", str(port), POLL_SECONDS="40")
    delivery.until_leased()
    delivery.tell("test.thing", "other.thing")
    delivery.until(lambda: len(delivery.positions()) == 1)
    [(_pid, delay, _position)] = delivery.lines()
    assert float(delay) < 5
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        assert 'notifications_consumer_events_total{consumer="recorder"} 1.0' in answer.read().decode()
    assert process.terminate() == 0
    assert "not running" in delivery.line()
    # The lease was given back, so that the next process need not wait for its end.
    delivery.tell("test.thing")
    delivery.site.manage("deliver", "--once")
    assert len(delivery.positions()) == 2


@both_engines
def test_an_event_that_kills_its_process_each_time_is_set_aside(delivery: Delivery):
    delivery.site.manage("deliver", "--once")
    delivery.tell("test.thing", "test.killer", "test.poison", "test.thing")
    free = "from notifications.models import ConsumerCursor; ConsumerCursor.objects.update(holder='', retry_at=None)"
    codes = []
    for _ in range(6):
        codes.append(delivery.site.manage("deliver", "--once", check=False).returncode)
        delivery.site.manage("shell", "--command", free)
    assert codes[0] == -signal.SIGKILL
    assert codes[-1] == 0, codes
    first, last = min(delivery.positions()), max(delivery.positions())
    assert last - first == 3
    assert {*delivery.positions()} == {first, last}
    assert "2 set aside" in delivery.line()


@both_engines
def test_a_process_that_was_stopped_for_longer_than_its_lease_moves_nothing_when_it_wakes_up(delivery: Delivery):
    stopped = delivery.start()
    delivery.until_leased()
    os.kill(stopped.pid, signal.SIGSTOP)
    try:
        delivery.start()
        delivery.tell(*["test.thing"] * 3)
        delivery.until(lambda: len(delivery.positions()) == 3)
    finally:
        os.kill(stopped.pid, signal.SIGCONT)
    delivery.tell("test.thing")
    delivery.until(lambda: len(delivery.positions()) == 4)
    assert stopped.pid not in {int(pid) for pid, *_rest in delivery.lines()}
    assert stopped.terminate() == 0
