"""`python -m notifications.testing.conformance`, as a stranger runs it: without settings, against an address."""

import json
import os
import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest

from notifications.testing.conformance.registry import ROWS
from tests.notifications.testing.conformance.server import SmallServer
from tests.support.services import ROOT


def run(*arguments, timeout=60):
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", "-m", "notifications.testing.conformance", *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=timeout)


def rows(*names):
    return [part for name in names for part in ("--row", name)]


def test_results_are_a_table_json_and_junit(tmp_path):
    with SmallServer("charset") as server:
        url = f"{server.url}/events/"
        done = run(
            url,
            *rows("content-type", "charset", "terminal"),
            "--json",
            tmp_path / "rows.json",
            "--junit",
            tmp_path / "rows.xml",
        )
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[:3] for line in lines if line[:4].strip() in ("pass", "fail", "skip")] == [
        ["pass", "must", "content-type"],
        ["fail", "must", "charset"],
        ["skip", "must", "terminal"],
    ]
    assert lines[-1] == "1 passed, 1 failed, 1 skipped"
    assert ROWS["charset"].notice in done.stdout
    assert ROWS["charset"].citation in done.stdout
    document = json.loads((tmp_path / "rows.json").read_text())
    assert document["url"] == url
    taken = [row.pop("seconds") for row in document["rows"]]
    assert all(seconds >= 0 for seconds in taken)
    assert document["rows"][1] == {
        "name": "charset",
        "level": "must",
        "citation": ROWS["charset"].citation,
        "notice": ROWS["charset"].notice,
        "verdict": "fail",
        "reason": "Content-Type has ['charset=latin-1']",
    }
    suite = ET.parse(tmp_path / "rows.xml").getroot()  # noqa: S314  our own
    assert {name: suite.get(name) for name in ("tests", "failures", "skipped", "errors")} == {
        "tests": "3",
        "failures": "1",
        "skipped": "1",
        "errors": "0",
    }
    [failed] = suite.iter("failure")
    assert failed.get("message") == "Content-Type has ['charset=latin-1']"


@pytest.mark.parametrize(("level", "code"), [("must", 0), ("should", 1), ("extra", 1)])
def test_the_level_says_which_failures_count(level, code):
    with SmallServer("cache-control") as server:
        done = run(f"{server.url}/events/", *rows("cache-control"), "--level", level)
    assert done.returncode == code, done.stderr


def test_events_are_published_by_a_command(tmp_path):
    script = tmp_path / "publish.py"
    script.write_text("import sys, urllib.request as r\nr.urlopen(sys.argv[1], sys.argv[2].encode()).close()\n")
    with SmallServer() as server:
        command = f"{sys.executable} {script} {server.url}/publish/ {{data}}"
        done = run(f"{server.url}/events/", "--publish", command, *rows("delivery", "data-of-lines", "resume"))
        # A command that takes no data publishes all the same.
        bare = run(
            f"{server.url}/events/",
            "--publish",
            command.replace("{data}", "same"),
            *rows("delivery", "resume", "order", "data-of-lines"),
        )
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "3 passed, 0 failed, 0 skipped"), done.stdout
    assert (bare.returncode, bare.stdout.splitlines()[-1]) == (0, "3 passed, 0 failed, 1 skipped"), bare.stdout
    assert "the command of --publish has no {data}" in bare.stdout


@pytest.mark.parametrize("arguments", [[], ["example.org/events/"], ["http://127.0.0.1:1/", "--row", "no-such"]])
def test_wrong_arguments_are_told(arguments):
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("usage:")


def test_the_rows_are_listed_with_their_citations():
    done = run("--list")
    assert done.returncode == 0, done.stderr
    for row in ROWS.values():
        assert row.citation.startswith("https://")
        assert "#" in row.citation
        assert f"{row.name}  {row.citation}\n        {row.notice}\n" in done.stdout
