"""Several server processes as an operator sees them: metrics, health, log lines, and what each reports of itself."""

import json
import time

import httpx
import pytest

from tests.support.services import POSTGRESQL, RedisServer, ServeProcess, Site
from tests.support.sse import SseClient, login

WITHIN = 20.0


def sample(server: ServeProcess, name: str, **headers: str) -> float:
    """What a process says of itself at /metrics."""
    text = httpx.get(f"{server.url}/metrics", headers=headers, trust_env=False).text
    return float(next(line for line in text.splitlines() if line.startswith(f"{name} ")).split()[1])


def until(condition, what: str) -> None:
    deadline = time.monotonic() + WITHIN
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def reports(site: Site) -> dict[str, dict]:
    """The processes' rows, by process id."""
    code = (
        "import json; from notifications.models import ServerProcess\n"
        "print(json.dumps([[p.name, p.figures] for p in ServerProcess.objects.all()]))"
    )
    rows = json.loads(site.manage("shell", "--command", code).stdout.splitlines()[-1])
    return {name.rpartition(":")[2]: figures for name, figures in rows}


@pytest.mark.parametrize("engine", [POSTGRESQL], indirect=True)
def test_each_process_is_measured_and_all_are_reported(demo_site: Site):
    demo_site.environment |= {"METRICS_TOKEN": "a-token-for-tests-alone", "LOG_FORMAT": "json"}
    bearer = {"Authorization": "Bearer a-token-for-tests-alone"}
    first, second = demo_site.serve(), demo_site.serve()
    assert httpx.get(f"{first.url}/metrics", trust_env=False).status_code == 401
    cookies = login(first.url, "seller").cookies
    clients = [SseClient(server.url + "/events/", cookies=cookies) for server in (first, first, second)]
    demo_site.manage("place_order", "--count", "2")
    for client in clients:
        client.wait_for(lambda _event: len([e for e in client.events if e.event == "order.placed"]) == 2)  # noqa: B023
    assert [sample(server, "notifications_streams_open", **bearer) for server in (first, second)] == [2, 1]
    assert [sample(server, "notifications_deliveries_total", **bearer) for server in (first, second)] == [4, 2]
    assert sample(second, "notifications_commit_to_socket_seconds_count", **bearer) == 2
    both = {str(first.pid), str(second.pid)}
    until(lambda: both <= set(reports(demo_site)), "not both processes have reported")
    found = reports(demo_site)
    assert [found[str(server.pid)]["now"]["streams"] for server in (first, second)] == [2, 1]
    for client in clients:
        client.close()
    ended = [json.loads(line) for line in first.log().splitlines() if '"notifications.streams"' in line]
    until(lambda: first.log().count("stream ended: left") == 2, first.log())
    ended = [json.loads(line) for line in first.log().splitlines() if '"stream ended' in line]
    assert {line["stream"]["reason"] for line in ended} == {"left"}
    assert [line["trace"] for line in ended] == [line["stream"]["trace"] for line in ended]
    # Who ends in good order takes the row back; who is killed is found silent.
    assert second.terminate() == 0
    first.kill()
    assert set(reports(demo_site)) == {str(first.pid)}


@pytest.mark.parametrize("engine", [POSTGRESQL], indirect=True)
def test_without_redis_a_process_is_degraded_and_goes_on(demo_site: Site, tmp_path):
    own = RedisServer(tmp_path)
    demo_site.environment["REDIS_URL"] = own.url
    server = demo_site.serve()

    def ready() -> httpx.Response:
        return httpx.get(f"{server.url}/readyz", trust_env=False, timeout=10)

    assert (ready().status_code, ready().text.splitlines()[0]) == (200, "ok")
    own.kill()
    until(lambda: ready().text.startswith("degraded\n"), "Redis is away, and nobody says so")
    assert ready().status_code == 200
    assert "redis: degraded, processes find events by polling only" in ready().text
    own.start()
    try:
        until(lambda: ready().text.startswith("ok\n"), "Redis is back, and nobody says so")
    finally:
        own.stop()


def test_without_its_log_a_process_is_alive_but_not_ready(demo_site: Site):
    server = demo_site.serve()
    code = "from django.db import connection; connection.cursor().execute('DROP TABLE notifications_head')"
    demo_site.manage("shell", "--command", code)
    ready = httpx.get(f"{server.url}/readyz", trust_env=False)
    assert (ready.status_code, ready.text.splitlines()[:2]) == (503, ["failed", "database: failed, it does not answer"])
    assert httpx.get(f"{server.url}/healthz", trust_env=False).status_code == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [("METRICS_TOKEN", "short"), ("METRICS_TOKEN", "with a space in it"), ("LOG_FORMAT", "xml"), ("LOG_LEVEL", "loud")],
)
def test_a_bad_value_stops_the_start_with_one_line(tmp_path, name, value):
    done = Site(tmp_path, f"sqlite:///{tmp_path}/none.sqlite3", env={name: value}).manage("check", check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith(f"{name}: ")
