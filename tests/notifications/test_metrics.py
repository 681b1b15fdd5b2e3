"""What a process counts, who may read it, and whether it says that it can serve."""

import re
import time

import pytest
from prometheus_client import REGISTRY

from notifications import conf, log, metrics
from notifications.log import wakeups
from notifications.models import Event
from notifications.monitoring import health
from notifications.stream import EventStream, listener, runtime
from notifications.stream.hub import get_hub
from tests.support.asgi import Reader, cookies_of, in_thread, run
from tests.support.services import ROOT

pytestmark = pytest.mark.django_db(transaction=True)
DOCS = ROOT / "docs" / "operating.md"
TOKEN = "a-token-for-tests-alone"


def counted() -> dict[str, float]:
    """Every sample of ours; those with a label are named with it."""
    found = {}
    for family in REGISTRY.collect():
        if family.name.startswith(("notifications_", "payments_")):
            for sample in family.samples:
                labels = ",".join(sample.labels.values())
                found[f"{sample.name}:{labels}" if labels else sample.name] = sample.value
    return found


def change(before: dict[str, float]) -> dict[str, float]:
    return {name: value - before.get(name, 0) for name, value in counted().items() if value != before.get(name, 0)}


def test_what_streams_do_is_counted(alice, monkeypatch):
    monkeypatch.setattr(listener, "MAX_PENDING", 3)
    channel, cookie = f"user:{alice.pk}", cookies_of(alice)
    log.append(channel, "missed")
    before = counted()

    async def scenario():
        first = await Reader(EventStream(), "/events/", cookie).opened()
        second = await Reader(EventStream(), "/events/", cookie, last_event_id="0").until(lambda r: r.told())
        reset = await Reader(EventStream(), "/events/", cookie, last_event_id="99").until(lambda r: r.events)
        now = counted()
        await in_thread(log.append, channel, "happened")
        for reader in (first, second, reset):
            await reader.until(lambda r: r.told() and r.told()[-1][1] == "happened")
        monkeypatch.setattr(conf, "max_streams", lambda: 0)
        shed = await Reader(EventStream(), "/events/", cookie).end()
        assert [event.event for event in shed.events] == ["bye"]
        monkeypatch.undo()
        monkeypatch.setattr(listener, "MAX_PENDING", 3)
        await in_thread(log.append_all, [Event(channel=channel, kind=f"n{n}") for n in range(10)])
        for reader in (first, second, reset):
            await reader.until(lambda r: r.told()[-1][1] == "n9")
            await reader.leave()
        return now

    during = run(scenario)
    assert during["notifications_streams_open"] == 3
    assert during["notifications_tail_position"] == 1
    assert 0 <= during["notifications_tail_lag_seconds"] < 30
    found = change(before)
    assert found["notifications_streams_opened_total"] == 3
    assert found["notifications_streams_resumed_total"] == 2
    assert found["notifications_streams_reset_total"] == 1
    assert found["notifications_streams_shed_total"] == 1
    assert found["notifications_streams_ended_total:left"] == 3
    # One event and ten, each to three streams; what overflowed was read from the log again.
    assert found["notifications_deliveries_total"] == 33
    assert found["notifications_overflows_total"] == 3
    assert found["notifications_caught_up_total"] == 1 + 30
    assert found["notifications_commit_to_socket_seconds_count"] == 11
    assert 0 < found["notifications_commit_to_socket_seconds_sum"] < 60
    assert found["notifications_sequence_seconds_count"] == 2


def test_what_nobody_listens_to_is_not_measured(alice):
    before = counted()

    async def scenario():
        await in_thread(log.append, "user:0", "happened")
        follower = await runtime.running()
        while follower.cursor < 1:
            await in_thread(log.head)

    run(scenario)
    assert "notifications_commit_to_socket_seconds_count" not in change(before)


def test_percentiles_are_those_of_the_latest_events():
    metrics.delays.clear()
    assert metrics.percentiles(60) == {}
    now = time.monotonic()
    metrics.delays.extend((now - 100, n, 9.0) for n in range(50))
    metrics.delays.extend((now, n, n / 100) for n in range(100))
    assert metrics.percentiles(60) == {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    metrics.delays.clear()


def test_this_machine_reads_the_metrics_without_a_token_and_nobody_else(client):
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert "# TYPE notifications_streams_open gauge" in answer.content.decode()
    assert client.get("/metrics", REMOTE_ADDR="::1").status_code == 200
    for stranger in ({"REMOTE_ADDR": "192.0.2.7"}, {"REMOTE_ADDR": ""}, {"HTTP_X_FORWARDED_FOR": "192.0.2.7"}):
        answer = client.get("/metrics", **stranger)
        assert answer.status_code == 403
        assert b"METRICS_TOKEN" in answer.content
        assert b"notifications_streams" not in answer.content


def test_behind_a_proxy_this_machines_address_says_nothing(client, settings):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert client.get("/metrics").status_code == 403


def test_a_token_is_asked_of_everybody(client, settings):
    settings.NOTIFICATIONS_METRICS_TOKEN = TOKEN
    wrong = [
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Basic {TOKEN}",
        TOKEN,
        "Bearer \xfc",
    ]
    for given in wrong:
        answer = client.get("/metrics", HTTP_AUTHORIZATION=given)
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer"), given
        assert answer.content == b"The metrics need their token.\n"
    for given in (f"Bearer {TOKEN}", f"bearer {TOKEN}"):
        assert client.get("/metrics", HTTP_AUTHORIZATION=given, REMOTE_ADDR="192.0.2.7").status_code == 200


def test_every_metric_is_documented_and_every_documented_one_is_there():
    text = DOCS.read_text()
    documented = set(re.findall(r"^\| `((?:notifications|payments)_[a-z_]+)", text, re.MULTILINE))
    ours = {
        family.name: family for family in REGISTRY.collect() if family.name.startswith(("notifications", "payments"))
    }
    assert documented == {f"{name}_total" if family.type == "counter" else name for name, family in ours.items()}


def test_a_process_is_ready_while_its_tail_follows_the_log(client, monkeypatch, settings):
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}

    def ready() -> tuple[int, str]:
        answer = client.get("/readyz")
        return answer.status_code, answer.content.decode()

    log.append("user:1", "happened")
    expected = "ok\ndatabase: ok, log at 1, kept from 0\ntail: ok, starts with the first stream\n"
    expected += "tasks: ok, all run\n"
    assert ready() == (200, expected + f"wake-ups: ok, processes wake each other by {wakeups.way()}\n")
    settings.NOTIFICATIONS_WAKE_PROCESSES = False
    assert ready() == (200, expected + "wake-ups: ok, not used: processes find events by polling\n")

    async def scenario():
        await runtime.running()
        following = await in_thread(ready)
        monkeypatch.setattr(health, "TAIL_STUCK_SECONDS", -1)
        stuck = await in_thread(ready)
        monkeypatch.undo()
        get_hub().draining = True
        ending = await in_thread(ready)
        get_hub().draining = False
        return following, stuck, ending

    following, stuck, ending = run(scenario)
    assert following[0] == 200
    assert "tail: ok, at 1, 0 streams open" in following[1]
    assert stuck[0] == ending[0] == 503
    assert "tail: failed, has not read the log for" in stuck[1]
    assert "tail: failed, this process is ending" in ending[1]
