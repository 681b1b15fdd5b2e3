"""`serve --workers`: several processes on one address, as readers, operators and a service manager see them."""

import os
import signal
import socket
import time

import pytest

from notifications.management.commands.serve import worker_count
from tests.site.serve.streams import stream
from tests.site.serve.workers import (
    metric,
    metrics_folders,
    runs,
    serve_with_workers,
    streams_on_all,
    until,
    worker_of,
    workers_of,
)
from tests.site.test_operating import reports
from tests.support.services import POSTGRESQL, SQLITE, Site
from tests.support.sse import SseClient, login

both_engines = pytest.mark.parametrize("engine", [SQLITE, POSTGRESQL], indirect=True)


def numbers(client: SseClient) -> list[int]:
    return [event.json()["data"]["number"] for event in client.events if event.event == "order.placed"]


@pytest.mark.parametrize(
    ("engine", "with_redis"), [(SQLITE, False), (POSTGRESQL, True), (POSTGRESQL, False)], indirect=["engine"]
)
def test_streams_on_all_workers_hear_another_process_and_the_metrics_count_them_all(
    demo_site: Site, engine, with_redis
):
    if not with_redis:
        demo_site.environment.pop("REDIS_URL", None)
    server = serve_with_workers(demo_site)
    found = streams_on_all(server, login(server.url, "seller").cookies)
    clients = [client for held in found.values() for client in held]
    assert metric(server, "notifications_streams_open") == len(clients)
    demo_site.manage("place_order", "--count", "2")
    for client in clients:
        client.wait_for(lambda _event: len(numbers(client)) == 2)  # noqa: B023
    until(
        lambda: metric(server, "notifications_deliveries_total") == 2 * len(clients),
        f"{metric(server, 'notifications_deliveries_total')} deliveries to {len(clients)} streams",
    )
    # Each event is measured once in each process that has a listener.
    assert metric(server, "notifications_commit_to_socket_seconds_count") == 4
    assert metric(server, 'notifications_workers_started_total{reason="start"}') == 2
    assert metric(server, 'notifications_background_up{task="tail"}') == 1
    assert metric(server, "notifications_tail_lag_seconds") < 10
    for pid in found:
        assert metric(server, f'process_resident_memory_bytes{{pid="{pid}"}}') > 10_000_000
    # The rows of the operators' page.
    until(lambda: {str(pid) for pid in found} <= set(reports(demo_site)), "not all workers have reported")
    rows = reports(demo_site)
    until(
        lambda: (
            {pid: reports(demo_site)[str(pid)]["now"]["streams"] for pid in found}
            == {pid: len(held) for pid, held in found.items()}
        ),
        str(rows),
    )
    for client in clients:
        client.close()
    until(lambda: metric(server, "notifications_streams_open") == 0, "streams that have left are counted")
    assert metric(server, 'notifications_streams_ended_total{reason="left"}') == len(clients)


@both_engines
def test_a_killed_worker_is_replaced_and_its_streams_lose_nothing(demo_site: Site, engine):
    server = serve_with_workers(demo_site)
    cookies = login(server.url, "seller").cookies
    found = streams_on_all(server, cookies)
    demo_site.manage("place_order", "--count", "2")
    for client in [client for held in found.values() for client in held]:
        client.wait_for(lambda _event: len(numbers(client)) == 2)  # noqa: B023
    killed, other = found
    os.kill(killed, signal.SIGKILL)
    for client in found[killed]:
        client.wait_closed()
    demo_site.manage("place_order")
    again = [stream(server, cookies, **{"Last-Event-ID": client.last_event_id}) for client in found[killed]]
    demo_site.manage("place_order")
    for client, resumed in zip(found[killed], again, strict=True):
        resumed.wait_for(lambda _event: len(numbers(resumed)) == 2)  # noqa: B023
        heard = numbers(client) + numbers(resumed)
        assert heard == list(range(heard[0], heard[0] + 4))
    for client in found[other]:
        client.wait_for(lambda _event: len(numbers(client)) == 4)  # noqa: B023
        assert not client.closed
    until(lambda: metric(server, 'notifications_workers_started_total{reason="died"}') == 1, server.log())
    (replacement,) = set(workers_of(server)) - {other}
    assert replacement != killed
    assert f"(process {killed}) was ended by SIGKILL\n" in server.log()
    # What the dead worker held is no longer counted as open; what it had counted still is.
    assert metric(server, "notifications_streams_open") == len(found[other]) + len(again)
    assert metric(server, "notifications_streams_opened_total") == len(found[killed]) + len(found[other]) + len(again)
    until(lambda: any(worker_of(stream(server, cookies), server) == replacement for _ in range(20)), "it gets nothing")
    assert server.terminate() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_parent_ends_all_workers_in_good_order(demo_site: Site, number):
    server = serve_with_workers(demo_site)
    found = streams_on_all(server, login(server.url, "seller").cookies)
    idle = socket.create_connection(("127.0.0.1", server.port))
    began = time.monotonic()
    assert server.terminate(number) == 0
    assert time.monotonic() - began < 8
    for client in [client for held in found.values() for client in held]:
        client.wait_closed()
        assert client.error is None
        assert [event.event for event in client.events] == ["bye"]
    assert [pid for pid in found if runs(pid)] == []
    log = server.log()
    for name, held in zip(("worker-1", "worker-2"), found.values(), strict=True):
        assert f"INFO notifications.server.daphne {name} -: ended {len(held)} requests, 0 of them by force" in log
    assert "Traceback" not in log
    assert metrics_folders(demo_site) == []
    idle.close()


def test_workers_end_in_good_order_when_their_parent_is_killed(demo_site: Site):
    server = serve_with_workers(demo_site)
    found = streams_on_all(server, login(server.url, "seller").cookies)
    assert len(metrics_folders(demo_site)) == 1
    os.kill(server.pid, signal.SIGKILL)
    until(lambda: not any(runs(pid) for pid in found), "workers are left on the port")
    for client in [client for held in found.values() for client in held]:
        client.wait_closed()
        assert [event.event for event in client.events] == ["bye"]
    assert metrics_folders(demo_site) == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))


def test_auto_is_one_worker_for_each_processor_that_may_be_used():
    assert worker_count("auto") == len(os.sched_getaffinity(0))
    assert worker_count("3") == 3


@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5", "257", ""])
def test_any_other_number_of_workers_is_refused_in_one_line(demo_site: Site, value):
    done = demo_site.manage("serve", f"--workers={value}", check=False)
    assert done.returncode == 2
    assert "is neither a number of workers" in done.stderr
    assert "Traceback" not in done.stderr
