"""This project's site on several servers, as targets of the suite."""

import json
import ssl
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.processes import free_port
from tests.support.services import ROOT, ServeProcess, Site
from tests.support.sse import login

FRIEND = "https://friend.example"
# Rows that a server fails by itself, whatever application it runs. uvicorn's httptools protocol sends chunks to HTTP/1.0 too.
OF_THE_SERVER = {"uvicorn": {"http-1.0": "Transfer-Encoding is chunked"}}
UVICORN = ("-m", "uvicorn", "config.asgi:application", "--timeout-graceful-shutdown", "5", "--backlog", "4096")


@dataclass
class Asked:
    """What the suite said: its exit code, its rows by name, and what it printed."""

    code: int
    rows: dict[str, dict[str, Any]]
    output: str

    def failed(self) -> dict[str, str]:
        return {name: row["reason"] for name, row in self.rows.items() if row["verdict"] == "fail"}

    def skipped(self) -> dict[str, str]:
        return {name: row["reason"] for name, row in self.rows.items() if row["verdict"] == "skip"}


def ask(url: str, folder: Path, *options: str, timeout: float = 300) -> Asked:
    """Runs the suite as its users do."""
    results = folder / "conformance.json"
    command = [sys.executable, "-m", "notifications.testing.conformance", url, "--json", str(results), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout)
    assert results.exists(), done.stderr
    rows = {row["name"]: row for row in json.loads(results.read_text())["rows"]}
    return Asked(done.returncode, rows, done.stdout)


def prepare(site: Site) -> None:
    """Has a seeded site take what the suite publishes."""
    site.environment |= {"DJANGO_SETTINGS_MODULE": "tests.conformance.settings", "STREAM_ALLOWED_ORIGINS": FRIEND}


def start(site: Site, kind: str) -> ServeProcess:
    """Starts the site on `serve`, `uvicorn` or `runserver`."""
    port = free_port()
    if kind == "serve":
        return site.serve(port)
    if kind == "uvicorn":
        return site.start(*UVICORN, "--port", str(port), port=port)
    return site.start("manage.py", "runserver", f"127.0.0.1:{port}", "--noreload", port=port)


def ask_site(
    site: Site,
    server: ServeProcess,
    *options: str,
    front: str = "",
    trusts: ssl.SSLContext | bool = True,
    timeout: float = 300,
) -> Asked:
    """Runs the suite as the site's buyer. front: the address of a proxy before the server."""
    base = front or server.url
    session = login(base, "buyer", verify=trusts).cookies["sessionid"]
    number = site.manage("place_order", "--buyer", "buyer").stdout.split()[-1]
    site.manage("simulate_payment", number, "--base-url", server.url)
    return ask(
        f"{base}/events/",
        site.folder,
        *("--cookie", f"sessionid={session}"),
        *("--publish", f"{base}/conformance/publish/"),
        *("--terminal", f"{base}/orders/{number}/events/"),
        *("--origin", FRIEND),
        *("--pid", str(server.pid)),
        *("--ping-seconds", "10"),
        *options,
        timeout=timeout,
    )
