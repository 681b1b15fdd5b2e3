"""The files under deploy/, as real nginx and real processes take them."""

import configparser
import os
import re
import shlex
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from notifications import conf
from notifications.server import daphne
from tests.support.processes import Daemon, free_port, program
from tests.support.services import ROOT, STARTS_WITHIN, ServeProcess, Site
from tests.support.sse import SseClient, login

DEPLOY = ROOT / "deploy"


def make_certificate(folder: Path) -> None:
    """Makes a certificate for 127.0.0.1 that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(hours=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(encoding))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


class Front:
    """nginx with deploy/nginx.conf; changed are ports and folders alone, since the test may not have the real ones."""

    def __init__(self, folder: Path, ports: list[int]) -> None:
        path = program("nginx", package="nginx-light")
        self.port, self.plain_port = free_port(), free_port()
        (folder / "tls").mkdir()
        make_certificate(folder / "tls")
        text = (DEPLOY / "nginx.conf").read_text()
        for old, new in (
            ("/etc/nginx/", f"{folder}/"),
            ("/var/log/nginx/", f"{folder}/"),
            ("listen 80 ", f"listen 127.0.0.1:{self.plain_port} "),
            ("listen 443 ", f"listen 127.0.0.1:{self.port} "),
            ("worker_rlimit_nofile 65536;", ""),
            ("worker_processes auto;", "worker_processes 2;"),
        ):
            assert old in text
            text = text.replace(old, new)
        names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        folders = "".join(f"{name}_temp_path {folder}/{name};" for name in names)
        (folder / "nginx.conf").write_text(text.replace("http {", "http { " + folders, 1))
        upstream = (DEPLOY / "upstream.conf").read_text()
        for port, listed in zip(ports, ("8001", "8002"), strict=True):
            assert f"127.0.0.1:{listed} " in upstream
            upstream = upstream.replace(f"127.0.0.1:{listed} ", f"127.0.0.1:{port} ")
        (folder / "upstream.conf").write_text(upstream)
        globally = f"daemon off; pid {folder}/nginx.pid;"
        self.daemon = Daemon(
            [path, "-p", folder, "-c", folder / "nginx.conf", "-g", globally, "-e", "stderr"], folder / "nginx.log"
        )
        self.daemon.wait_until(lambda: is_open(self.port), 20)
        self.url = f"https://127.0.0.1:{self.port}"
        self.trusts = ssl.create_default_context(cafile=folder / "tls" / "fullchain.pem")

    def stream(self, cookies, **headers) -> SseClient:
        return SseClient(f"{self.url}/events/", cookies=cookies, headers=headers, context=self.trusts)

    def requests(self) -> list[str]:
        return (self.daemon.log_path.parent / "access.log").read_text().splitlines()


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def behind(demo_site: Site, tmp_path: Path) -> Iterator[Callable[[list[int]], Front]]:
    """Starts nginx before two ports of a site that believes it."""
    demo_site.environment |= {"HTTPS": "1", "BEHIND_PROXY": "1"}
    (tmp_path / "nginx").mkdir()
    started: list[Front] = []

    def start(ports: list[int]) -> Front:
        started.append(Front(tmp_path / "nginx", ports))
        return started[-1]

    yield start
    for front in started:
        front.daemon.terminate()


def hears_two(reader: SseClient) -> bool:
    """Whether the reader hears of two orders, rather than being cut off after the first."""
    try:
        reader.wait_for(lambda _event: len([e for e in reader.events if e.event == "order.placed"]) == 2)
    except AssertionError:
        assert reader.closed
        return False
    return True


def test_readers_behind_nginx_hear_at_once_and_resume_on_the_process_that_is_left(demo_site: Site, behind):
    first, second = demo_site.serve(), demo_site.serve()
    front = behind([first.port, second.port])
    # A log-in with secure cookies, and no redirect: the site has heard that it is reached by HTTPS.
    seller = login(front.url, "seller", verify=front.trusts)
    readers = [front.stream(seller.cookies) for _ in range(8)]
    assert {reader.status for reader in readers} == {200}
    demo_site.manage("place_order")
    for reader in readers:
        # Buffered, nothing would come before the stream ends.
        reader.wait_for(lambda event: event.event == "order.placed")
    first.kill()
    demo_site.manage("place_order")
    cut = [reader for reader in readers if not hears_two(reader)]
    assert 0 < len(cut) < len(readers), "nginx spreads the streams"
    for reader in cut:
        again = front.stream(seller.cookies, **{"Last-Event-ID": reader.last_event_id})
        again.wait_for(lambda event: event.event == "order.placed")
    # Pages know nothing of it either.
    assert [seller.get("/").status_code for _ in range(6)] == [200] * 6
    again = demo_site.serve(first.port)
    second.terminate()
    assert front.stream(seller.cookies).status == 200


def test_with_no_process_left_streams_are_told_to_come_back(demo_site: Site, behind):
    front = behind([free_port(), free_port()])
    with front.stream({}) as reader:
        assert reader.status == 200
        assert reader.headers["content-type"] == "text/event-stream"
        assert reader.wait_for(lambda event: event.event == "bye").json() == {"retry": 5000}
        assert reader.retry == 5000
        reader.wait_closed()
    with httpx.Client(base_url=front.url, verify=front.trusts, trust_env=False) as client:
        assert client.get("/").status_code == 502


def test_nginx_speaks_http_2_leads_to_https_and_shows_no_metrics(demo_site: Site, behind):
    only = demo_site.serve()
    front = behind([only.port, free_port()])
    context = ssl.create_default_context(cafile=front.daemon.log_path.parent / "tls" / "fullchain.pem")
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", front.port)) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
    ):
        assert secured.selected_alpn_protocol() == "h2"
    with httpx.Client(verify=front.trusts, trust_env=False) as client:
        answer = client.get(f"http://127.0.0.1:{front.plain_port}/notifications/?show=unread")
        assert answer.status_code == 301
        assert answer.headers["location"] == "https://127.0.0.1/notifications/?show=unread"
        # A client cannot talk the site out of HTTPS.
        assert client.get(f"{front.url}/", headers={"X-Forwarded-Proto": "http"}).status_code == 200
        assert client.get(f"{front.url}/metrics").status_code == 403


# Socket activation


class Activated(ServeProcess):
    """A server that is handed a listening socket, as systemd does it."""

    SHELL = 'exec 3<&"$GIVEN" && LISTEN_PID=$$ LISTEN_FDS=${FDS:-1} LISTEN_FDNAMES=${NAMES:-live.socket} exec "$@"'

    def __init__(self, site: Site, given: socket.socket) -> None:
        command = ["bash", "-c", self.SHELL, "bash", sys.executable, "manage.py", "serve", "--systemd"]
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
    assert shlex.split(service["Service"]["ExecStart"])[1:] == ["manage.py", "serve", "--systemd"]
    assert "live@%i.socket" in service["Unit"]["Requires"]


# Variables and files


def example() -> dict[str, str]:
    lines = (DEPLOY / "live.env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def known() -> set[str]:
    """The variables that the site reads."""
    sources = [path.read_text() for app in ("config", "notifications") for path in (ROOT / app).rglob("*.py")]
    return {name for source in sources for name in re.findall(r'(?:read|environ\.get)\(\s*"([A-Z_]+)"', source)}


def compose() -> dict:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def test_the_example_environment_is_clean_by_djangos_own_measure(tmp_path):
    site = Site(tmp_path, "sqlite:///unused")
    site.environment |= example()
    done = site.manage("check", "--deploy", "--fail-level", "WARNING")
    assert "no issues (0 silenced)" in done.stdout
    assert set(example()) <= known()


def test_compose_names_services_files_and_variables_that_there_are():
    services = compose()["services"]
    sites = [name for name, service in services.items() if service.get("image") == "live"]
    assert len(sites) == 4
    for name in sites:
        assert set(services[name]["environment"]) <= known()
        assert services[name]["env_file"] == "live.env"
        assert (DEPLOY / services[name]["build"]["context"] / services[name]["build"]["dockerfile"]).is_file()
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)
    mounted = [volume.split(":")[0] for volume in services["nginx"]["volumes"]]
    assert [path for path in mounted if not (DEPLOY / path).exists()] == ["./tls"], "the operator's own"
    upstream = (DEPLOY / "compose-upstream.conf").read_text()
    assert re.findall(r"server (\w+):8000 max_fails=0;", upstream) == [name for name in sites if name != "migrate"]
    assert int(services["site1"]["environment"]["WEB_CONCURRENCY"]) == len(sites) - 1


def test_the_image_holds_what_its_commands_need(tmp_path):
    text = (DEPLOY / "Dockerfile").read_text()
    copied = {source for line in re.findall(r"^COPY (.*)$", text, re.MULTILINE) for source in line.split()[:-1]}
    assert copied == {
        *("manage.py", "requirements.txt", "templates", "locale"),
        *(path.parent.name for path in ROOT.glob("*/__init__.py") if path.parent.name != "tests"),
    }
    (collect,) = re.findall(r"^RUN (DEBUG=0 .* collectstatic .*)$", text, re.MULTILINE)
    words = [word for word in shlex.split(collect) if word != "python"]
    variables = dict(word.split("=", 1) for word in words if "=" in word)
    arguments = [word for word in words if "=" not in word]
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={"PATH": os.environ.get("PATH", ""), "STATIC_ROOT": str(tmp_path), **variables},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("notifications/page.*.js"))
