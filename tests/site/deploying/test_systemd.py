"""A server that takes its socket as systemd hands it over."""

import configparser
import shlex
import socket
import subprocess
import sys

from notifications import conf
from notifications.consumers.lease import LEASE_SECONDS
from notifications.management.commands import deliver
from notifications.server import daphne
from notifications.server.workers import slot
from tests.site.deploying.files import DEPLOY
from tests.site.serve.workers import streams_on_all, until
from tests.support.services import ROOT, STARTS_WITHIN, ServeProcess, Site
from tests.support.sse import SseClient, login

# Socket activation


class Activated(ServeProcess):
    """A server that is handed a listening socket, as systemd does it."""

    SHELL = 'exec 3<&"$GIVEN" && LISTEN_PID=$$ LISTEN_FDS=${FDS:-1} LISTEN_FDNAMES=${NAMES:-live.socket} exec "$@"'

    def __init__(self, site: Site, given: socket.socket, *options: str) -> None:
        command = ["bash", "-c", self.SHELL, "bash", sys.executable, "manage.py", "serve", "--systemd", *options]
        environment = {**site.environment, "GIVEN": str(given.fileno())}
        log = site.folder / f"activated-{len(site.servers)}.log"
        super().__init__(command, given.getsockname()[1], log, environment, pass_fds=[given.fileno()])
        site.servers.append(self)


def test_a_server_takes_the_socket_that_systemd_listens_on_and_leaves_it_open(demo_site: Site):
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as given:
        first = Activated(demo_site, given)
        seller = login(first.url, "seller").cookies
        with SseClient(f"{first.url}/events/", cookies=seller) as reader:
            demo_site.manage("place_order")
            event = reader.wait_for(lambda event: event.event == "order.placed")
            assert first.terminate() == 0
            reader.wait_closed()
            assert [each.event for each in reader.events] == ["order.placed", "bye"]
        assert "the socket that was handed over" in first.log()
        demo_site.manage("place_order")
        # Nobody serves, and nobody is refused: who comes now waits for the next process.
        waiting = socket.create_connection(("127.0.0.1", first.port))
        waiting.settimeout(STARTS_WITHIN)
        cookie = f"sessionid={seller['sessionid']}"
        head = f"GET /events/ HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\nLast-Event-ID: {event.id}\r\n\r\n"
        waiting.sendall(head.encode())
        Activated(demo_site, given)
        received = b""
        while b"event: order.placed" not in received:
            part = waiting.recv(65536)
            assert part, received
            received += part
        waiting.close()


def test_workers_take_the_socket_that_systemd_listens_on_and_leave_it_open(demo_site: Site):
    demo_site.environment["TMPDIR"] = str(demo_site.folder)
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as given:
        server = Activated(demo_site, given, "--workers", "2")
        until(lambda: "Serving on the socket that was handed over with 2 workers" in server.log(), server.log())
        found = streams_on_all(server, login(server.url, "seller").cookies)
        assert server.terminate() == 0
        for client in [client for held in found.values() for client in held]:
            client.wait_closed()
            assert [event.event for event in client.events] == ["bye"]
        # Nobody serves, and nobody is refused.
        socket.create_connection(("127.0.0.1", server.port)).close()


def test_more_than_one_socket_is_refused_in_one_line(demo_site: Site):
    with socket.create_server(("127.0.0.1", 0)) as given:
        done = subprocess.run(
            ["bash", "-c", Activated.SHELL, "bash", sys.executable, "manage.py", "serve", "--systemd"],
            cwd=ROOT,
            env={**demo_site.environment, "GIVEN": str(given.fileno()), "FDS": "2", "NAMES": "one:two"},
            pass_fds=[given.fileno()],
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].endswith("give the unit one ListenStream")
    assert "Traceback" not in done.stderr


def test_serving_a_socket_that_nobody_handed_over_is_refused_in_one_line(demo_site: Site):
    done = demo_site.manage("serve", "--systemd", check=False)
    assert done.returncode == 1
    assert "no socket was handed over" in done.stderr
    assert "Traceback" not in done.stderr


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((DEPLOY / name).read_text())
    return parser


def test_the_units_give_the_server_what_it_needs():
    sockets, service = unit("live@.socket"), unit("live@.service")
    assert int(sockets["Socket"]["Backlog"]) == daphne.BACKLOG
    assert service["Service"]["KillSignal"] == "SIGTERM"
    assert int(service["Service"]["TimeoutStopSec"]) > 2 * daphne.DRAIN_SECONDS
    assert int(service["Service"]["LimitNOFILE"]) > conf.max_streams()
    command = ["manage.py", "serve", "--systemd", "--workers", "auto"]
    assert shlex.split(service["Service"]["ExecStart"])[1:] == command
    # The signal of a rolling restart (test_worker_failures.py); the parent ends its workers before systemd kills them.
    assert service["Service"]["ExecReload"] == "/bin/kill -USR2 $MAINPID"
    assert int(service["Service"]["TimeoutStopSec"]) > slot.END_WITHIN
    assert "live@%i.socket" in service["Unit"]["Requires"]


def test_the_unit_of_the_consumers_runs_what_there_is_and_waits_for_the_functions_at_work():
    service = unit("live-deliver.service")["Service"]
    script, command, *options = shlex.split(service["ExecStart"])[1:]
    assert (script, command) == ("manage.py", "deliver")
    arguments = vars(deliver.Command().create_parser("manage.py", "deliver").parse_args(options))
    assert (arguments["once"], arguments["metrics_port"]) == (False, 9100)
    assert service["KillSignal"] == "SIGTERM"
    assert int(service["TimeoutStopSec"]) > LEASE_SECONDS
