"""Asks this project's servers and others, and writes the table of docs/conformance.md: `make conformance`."""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from tests.benchmarks import peers, sites
from tests.conformance.sites import OF_THE_SERVER, Asked, ask, ask_site, prepare, start
from tests.support.services import ROOT, Site

KEPT = ROOT / "build" / "conformance"
DOCUMENT = ROOT / "docs" / "conformance.md"
BEGIN = "<!-- make conformance writes what follows -->"
MARKS = {"pass": "yes", "fail": "**no**", "skip": "–"}


def ours(kind: str) -> Callable[[Path, ExitStack], Asked]:
    """This project's site on one of its servers."""

    def ask_ours(folder: Path, stack: ExitStack) -> Asked:
        site = Site(folder, f"sqlite:///{folder / 'db.sqlite3'}")
        site.forks_servers = False
        site.migrate()
        site.manage("seed_demo")
        prepare(site)
        stack.callback(site.close)
        return ask_site(site, start(site, kind), timeout=900)

    return ask_ours


def plain(folder: Path, stack: ExitStack) -> Asked:
    """django-eventstream as its README sets it up, on Daphne."""
    site = replace(sites.plain_eventstream(folder / "site", stack), settings="tests.conformance.plain_settings")
    site.migrate()
    server = stack.enter_context(site.serving())
    url = f"http://127.0.0.1:{server.port}"
    # It keeps streams alive by a comment every 20 s.
    return ask(
        f"{url}/events/", folder, "--publish", f"{url}/conformance/publish/", "--pid", str(server.pid), timeout=900
    )


def nchan(folder: Path, stack: ExitStack) -> Asked:
    """nginx with nchan, as its documentation sets up a publisher and EventSource subscribers."""
    server = stack.enter_context(peers.nchan(folder / "nginx", stack).serving())
    url = f"http://127.0.0.1:{server.port}"
    return ask(f"{url}/events/", folder, "--publish", f"{url}/publish/", "--pid", str(server.pid), timeout=900)


def nginx_version() -> str:
    said = subprocess.run(["/usr/sbin/nginx", "-v"], capture_output=True, text=True, check=False).stderr
    return said.strip().rpartition("/")[2]


TARGETS: dict[str, tuple[str, Callable[[Path, ExitStack], Asked]]] = {
    "serve": ("this project, `serve`", ours("serve")),
    "uvicorn": ("this project, uvicorn", ours("uvicorn")),
    "plain": ("django-eventstream, Daphne", plain),
    "nchan": ("nginx with nchan", nchan),
}


def versions() -> str:
    """Returns what was run, in one sentence."""
    named = [f"{name} {version(name)}" for name in ("django", "daphne", "uvicorn", "django-eventstream")]
    return f"Python {platform.python_version()}, {', '.join(named)}, nginx {nginx_version()} with Debian's nchan"


def results(asked: dict[str, Asked]) -> str:
    """Returns the table, and what a user of each server would notice."""
    labels = [TARGETS[key][0] for key in asked]
    lines = ["## Results", "", f"`make conformance` writes them. These are of {versions()}; 1,000 connections.", ""]
    lines += [f"| row | level | {' | '.join(labels)} |", f"|---|---|{'---|' * len(labels)}"]
    for name, row in next(iter(asked.values())).rows.items():
        verdicts = [MARKS[found.rows[name]["verdict"]] for found in asked.values()]
        lines.append(f"| [{name}]({row['citation']}) | {row['level']} | {' | '.join(verdicts)} |")
    lines += [
        "",
        "–: not tried, since the server has no such address or option. Rows about time can fail on a busy machine.",
    ]
    for key, found in asked.items():
        failed = [row for row in found.rows.values() if row["verdict"] == "fail"]
        lines += ["", f"### {TARGETS[key][0].replace('`', '')}", ""]
        lines += [f"- **{row['name']}** ({row['level']}): {row['reason']}. {row['notice']}" for row in failed]
        lines += [] if failed else ["Every row that was tried passed."]
    return "\n".join(lines) + "\n"


def write_document(argv: list[str]) -> int:
    """Asks the servers that are named, or all, and writes the document. Returns 1 if one of this project's failed a row."""
    parser = argparse.ArgumentParser(prog="make conformance", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=TARGETS, help="ask this server alone; the others' results are kept"
    )
    KEPT.mkdir(parents=True, exist_ok=True)
    asked = {}
    for key in parser.parse_args(argv).only or TARGETS:
        sys.stderr.write(f"{key}\n")
        with tempfile.TemporaryDirectory(prefix="conformance-") as folder, ExitStack() as stack:
            found = asked[key] = TARGETS[key][1](Path(folder), stack)
        sys.stdout.write(found.output)
        (KEPT / f"{key}.json").write_text(json.dumps([found.code, found.rows, found.output]), encoding="utf-8")
    kept = {key: KEPT / f"{key}.json" for key in TARGETS if (KEPT / f"{key}.json").exists()}
    everything = {key: Asked(*json.loads(path.read_text(encoding="utf-8"))) for key, path in kept.items()}
    usage = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)[0].rstrip()
    DOCUMENT.write_text(f"{usage}\n\n{BEGIN}\n\n{results(everything)}", encoding="utf-8")
    return int(
        any(found.failed() != OF_THE_SERVER.get(key, {}) for key, found in asked.items() if key in ("serve", "uvicorn"))
    )


if __name__ == "__main__":
    sys.exit(write_document(sys.argv[1:]))
