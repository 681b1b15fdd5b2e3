"""Payments under load: callbacks per second, and the time from a payment's commit to `finish` at its buyer's socket."""

import http.client
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from . import processes
from .delivery import percentile
from .errors import BenchmarkError
from .scale import Scale
from .sites import ROOT, Server, Site

SECONDS = 120


def pay(site: Site, scale: Scale, folder: Path, figures: dict[str, float], notes: list[str]) -> None:
    """One run as fast as callbacks are answered, one at a pace; every order is paid once, and each page finished once."""
    with site.serving() as server:
        send(server, folder, 50, scale.connections, 0, 10)
        worked = processes.cpu_seconds(server.pid)
        fast = send(server, folder, scale.callbacks, scale.connections, 0, 0)
        worked = processes.cpu_seconds(server.pid) - worked
        figures["callbacks_per_second"] = fast["answered"] / fast["seconds"]
        figures["callbacks_p99_ms"] = percentile(fast["answers_ms"], 99)
        figures["callback_cpu_ms"] = worked * 1e3 / fast["answered"]
        worked = processes.cpu_seconds(server.pid)
        single = send(server, folder, scale.paced, 1, 0, 0)
        figures["single_callback_cpu_ms"] = (processes.cpu_seconds(server.pid) - worked) * 1e3 / single["answered"]
        paced = send(server, folder, scale.paced, scale.connections, scale.callbacks_per_second, scale.watched)
        commits = commits_of(server)
        delays = sorted((at - commits[number]) / 1e6 for number, at in paced["finished"].items())
        figures["finish_p50_ms"] = percentile(delays, 50)
        figures["finish_p99_ms"] = percentile(delays, 99)
        figures["callback_errors"] = scale.callbacks + 2 * scale.paced - sum(map(right, (fast, single, paced)))
        figures["pages_unfinished"] = scale.watched - len(delays)
        for run in (fast, single, paced):
            notes += [f"{count} callbacks answered {answer}" for answer, count in run["errors"].items()]
        if fast["cpu_seconds"] > 0.5 * fast["seconds"]:
            notes.append("the payment provider of the benchmark was busy itself: callbacks per second may be more")


def right(run: dict[str, Any]) -> int:
    answered: int = run["answered"]
    return answered - sum(run["errors"].values())


def send(server: Server, folder: Path, count: int, connections: int, per_second: float, watched: int) -> dict[str, Any]:
    """New orders, their callbacks signed beforehand, sent by a process of its own."""
    callbacks = folder / "callbacks"
    server.site.run(["-m", f"{__package__}.paying", str(count), str(server.site.cookies), str(callbacks)])
    arguments = [str(server.port), str(callbacks), str(connections), str(per_second), str(watched)]
    done = subprocess.run(
        [sys.executable, "-m", f"{__package__}.provider", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode:
        raise BenchmarkError(f"the payment provider failed:\n{done.stderr[-1000:]}\n{server.end_of_log()}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def commits_of(server: Server) -> dict[str, int]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request("GET", "/bench/commits/")
        commits: dict[str, int] = json.load(connection.getresponse())
    finally:
        connection.close()
    return commits
