"""What one of several workers exposes of all of them. The workers are small programs: the library chooses at its import."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from prometheus_client.multiprocess import mark_process_dead

from tests.support.services import ROOT

# Opens streams, counts, and waits to be asked.
WORKER = """
import json, os, sys
from prometheus_client import REGISTRY, Counter, Gauge
from prometheus_client.core import GaugeMetricFamily
from notifications import metrics
from notifications.monitoring.all_workers import WorkersCollector

class Own:
    "A collector of the site: it asks something else than this process."
    def collect(self):
        yield GaugeMetricFamily("shop_stock", "Things on the shelf.", value=7)

REGISTRY.register(Own())
streams = int(sys.argv[1])
metrics.STREAMS.set(streams)
metrics.OPENED.inc(streams)
metrics.ENDED.labels("left").inc()
metrics.BACKGROUND_UP.labels("tail").set(streams > 1)
metrics.SEQUENCE_SECONDS.observe(0.02)
if streams > 1:
    metrics.tail_read(10 * streams)
print("ready", flush=True)
for _line in sys.stdin:
    found = {}
    for family in WorkersCollector(metrics.SHARED_FOLDER).collect():
        for sample in family.samples:
            labels = ",".join(sample.labels.values())
            found[f"{sample.name}:{labels}" if labels else sample.name] = sample.value
    print(json.dumps(found), flush=True)
"""


class Worker:
    def __init__(self, folder: Path, streams: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(streams)],
            cwd=ROOT,
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        assert self.process.stdout.readline() == "ready\n"

    def answer(self) -> dict[str, float]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def workers(tmp_path):
    made = [Worker(tmp_path, 1), Worker(tmp_path, 2)]
    yield made
    for worker in made:
        worker.kill()


def test_each_worker_exposes_all_of_them_and_what_the_site_collects_itself(workers):
    pids = [worker.process.pid for worker in workers]
    for worker in workers:
        found = worker.answer()
        assert found["notifications_streams_open"] == 3
        assert found["notifications_streams_opened_total"] == 3
        assert found["notifications_streams_ended_total:left"] == 2
        # A task that is down in one worker is down.
        assert found["notifications_background_up:tail"] == 0
        assert found["notifications_sequence_seconds_count"] == 2
        assert found["notifications_sequence_seconds_bucket:0.025"] == 2
        assert found["notifications_tail_position"] == 20
        assert found["shop_stock"] == 7
        for pid in pids:
            assert found[f"process_resident_memory_bytes:{pid}"] > 1_000_000
        assert "process_resident_memory_bytes" not in found
        collections = [name for name in found if name.startswith("python_gc_collections_total:0")]
        assert collections == [f"python_gc_collections_total:0,{worker.process.pid}"]


def test_the_tail_of_a_worker_that_hangs_lags(workers):
    """It cannot report: the lag is counted by the worker that is asked. A worker without a tail does not lag."""
    asked, hanging = workers
    hanging.process.send_signal(signal.SIGSTOP)
    before = asked.answer()["notifications_tail_lag_seconds"]
    assert 0 < before < 60
    time.sleep(0.2)
    assert asked.answer()["notifications_tail_lag_seconds"] >= before + 0.2


def test_a_dead_worker_has_no_streams_and_keeps_its_counts(workers, tmp_path):
    asked, dead = workers
    dead.kill()
    mark_process_dead(dead.process.pid, str(tmp_path))
    found = asked.answer()
    assert found["notifications_streams_open"] == 1
    assert found["notifications_streams_opened_total"] == 3
    assert found["notifications_tail_lag_seconds"] == 0
    assert f"process_resident_memory_bytes:{dead.process.pid}" not in found
