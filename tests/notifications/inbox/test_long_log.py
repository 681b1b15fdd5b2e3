"""People who follow a thousand authors find what is theirs in a long log by its indexes, on the database that plans."""

import json
import subprocess
import sys

import pytest

from notifications import inbox
from notifications.inbox import search
from tests.benchmarks.longlog import FOLLOWS
from tests.support.services import POSTGRESQL, ROOT, Site

EVENTS = 200_000


@pytest.mark.parametrize("engine", [POSTGRESQL], indirect=True)
def test_an_inbox_page_reads_a_long_log_by_its_indexes_and_with_few_queries(site: Site):
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.longlog", str(EVENTS), "1"],
        cwd=ROOT,
        env={**site.environment, "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    looked = found["looked"]
    # A statement that goes through all events is seen; several workers' shares of them are rounded.
    everything, whole = looked.pop("everything")
    assert (everything, whole) == (pytest.approx(EVENTS, abs=10), True)
    # With much unread or little, fresh or long silent: the window, each channel once, and the newest channels' newest. By
    # their channels alone, these two would be looked for in a tenth of the log.
    assert len(looked) == 12
    count, page = 2 * search.WINDOW + FOLLOWS + inbox.CAP, search.WINDOW + FOLLOWS + (inbox.PAGE + 1) ** 2
    most = {"count": count, "page": page, "whole": count + page}
    for name, (events, whole) in looked.items():
        assert not whole, name
        assert 0 < events <= most[name.partition(": ")[2]] < EVENTS / 10, name
    # Session, person, cursor, page, unread count; once more where the count is not decided by what is new.
    assert found["queries"] == {"busy": 5, "busy, most read": 5, "quiet": 6, "quiet, most read": 5}
