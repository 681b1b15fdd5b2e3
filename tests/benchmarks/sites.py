"""The sites under test: how each is made in a temporary folder, and how its server process is started and ended."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.support.services import PostgresServer, RedisServer

from . import processes
from .errors import BenchmarkError, MissingError

ROOT = Path(__file__).resolve().parents[2]
PREPARE_SECONDS = 120
START_SECONDS = 30
STOP_SECONDS = 10


@dataclass(frozen=True)
class Site:
    key: str
    label: str
    folder: Path
    settings: str
    command: Callable[[int], list[str]]
    # Dotted names, as `prepare` and the site's own settings know them.
    publish: str
    subscribe: str = ""
    # Whether a wrong delivery or a failure here fails the benchmark; elsewhere it is a finding.
    must_be_right: bool = False
    stream_path: str = "/events/"
    python_path: tuple[Path, ...] = (ROOT,)
    variables: dict[str, str] = field(default_factory=dict)
    # Makes a further, empty database of this name and returns its address.
    create_database: Callable[[str], str] | None = None
    # Of the measures asked for, those that this site takes part in.
    measures: frozenset[str] = frozenset({"few", "many"})

    @property
    def database(self) -> Path:
        return self.folder / "db.sqlite3"

    @property
    def cookies(self) -> Path:
        return self.folder / "cookies"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    def environment(self) -> dict[str, str]:
        """Only what is said here and what starting a program needs: a developer's own settings stay out of the figures."""
        kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}}
        python_path = os.pathsep.join(map(str, self.python_path))
        return {**kept, "DJANGO_SETTINGS_MODULE": self.settings, "PYTHONPATH": python_path, **self.variables}

    def aside(self, name: str) -> "Site":
        """The same site on an empty database: what fills it must not weigh on other measures."""
        assert self.create_database is not None
        return replace(self, variables={**self.variables, "DATABASE_URL": self.create_database(name)})

    def migrate(self) -> None:
        self.run(["-m", "django", "migrate", "--verbosity", "0"])

    def prepare(self, streams: int) -> list[str]:
        """Migrate, make the people and their sessions; return the statements that one event costs."""
        self.migrate()
        answer = self.run(
            ["-m", f"{__package__}.prepare", str(streams), str(self.cookies), self.publish, self.subscribe]
        )
        statements: list[str] = json.loads(answer.splitlines()[-1])["statements"]
        return statements

    def run(self, arguments: list[str], seconds: float = PREPARE_SECONDS) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        if done.returncode:
            raise BenchmarkError(f"{self.label}: {' '.join(arguments[:3])} failed:\n{done.stderr[-2000:]}")
        return done.stdout

    @contextmanager
    def serving(self) -> Iterator["Server"]:
        port = free_port()
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *self.command(port)],
                cwd=self.folder,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            server = Server(self, process, port)
            server.wait_until_ready()
            yield server
        finally:
            stop(process)


@dataclass(frozen=True)
class Server:
    site: Site
    process: subprocess.Popen[bytes]
    port: int

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                self.publish(run=0, first=0, count=0)
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise BenchmarkError(f"{self.site.label}: the server did not start:\n{self.end_of_log()}")

    def publish(self, *, run: int, first: int, count: int, together: bool = False, seconds: float = 60) -> list[int]:
        """Publish in the serving process; return when each commit was over, on the clock all processes share."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            query = f"run={run}&first={first}&count={count}&together={together:d}"
            connection.request("POST", f"/bench/publish/?{query}")
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status != http.HTTPStatus.OK:
            raise BenchmarkError(f"{self.site.label}: publishing was answered {answer.status}:\n{self.end_of_log()}")
        commits: list[int] = json.loads(content)["commits"]
        return commits

    def end_of_log(self) -> str:
        return self.site.log.read_text(errors="replace")[-2000:]

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def ports(self) -> list[int]:
        return [self.port]

    def usage(self) -> processes.Usage:
        return processes.usage(self.process.pid, self.site.database)


def stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def this_project(folder: Path, _stack: ExitStack) -> Site:
    folder.mkdir()
    return Site(
        key="project",
        must_be_right=True,
        label="this project",
        folder=folder,
        settings=f"{__package__}.settings",
        command=lambda port: [str(ROOT / "manage.py"), "serve", "--host", "127.0.0.1", "--port", str(port)],
        publish=f"{__package__}.project.publish",
        subscribe=f"{__package__}.project.subscribe_all",
        variables={
            "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
            "DEBUG": "0",
            "HTTPS": "0",
            "SECRET_KEY": "of a site that lives for one run of the benchmark",
            "ALLOWED_HOSTS": "127.0.0.1",
            "PAYMENT_CALLBACK_SECRETS": "whsec_b2Ygb25lIHJ1biBvZiB0aGUgYmVuY2htYXJr",
        },
        create_database=lambda name: f"sqlite:///{folder / name}.sqlite3",
        measures=frozenset(
            {"few", "many", "crowd", "throng", "storm", "writers", "followers", "inbox", "across", "workers"}
        ),
    )


def this_project_on_postgresql(folder: Path, stack: ExitStack) -> Site:
    try:
        server = PostgresServer()
    except pytest.skip.Exception as missing:
        raise MissingError(f"payments and everything else on PostgreSQL are not measured: {missing}") from None
    stack.callback(server.close)
    site = this_project(folder, stack)
    return replace(
        site,
        key="postgresql",
        label="this project on PostgreSQL",
        variables={**site.variables, "DATABASE_URL": server.create_database("benchmark")},
        create_database=server.create_database,
        measures=frozenset({"payments", "writers", "followers", "inbox", "across"}),
    )


def this_project_on_postgresql_and_redis(folder: Path, stack: ExitStack) -> Site:
    site = this_project_on_postgresql(folder, stack)
    try:
        server = RedisServer(folder)
    except pytest.skip.Exception as missing:
        raise MissingError(f"several processes with Redis are not measured: {missing}") from None
    stack.callback(server.stop)
    return replace(
        site,
        key="redis",
        label="this project on PostgreSQL + Redis",
        variables={**site.variables, "REDIS_URL": server.url},
        measures=frozenset({"across", "four", "workers"}),
    )


def this_project_on_uvicorn(folder: Path, stack: ExitStack) -> Site:
    options = ["--host", "127.0.0.1", "--log-level", "warning", "--backlog", "4096", "--timeout-graceful-shutdown", "2"]
    return replace(
        this_project(folder, stack),
        key="uvicorn",
        label="this project on uvicorn",
        must_be_right=False,
        command=lambda port: ["-m", "uvicorn", "config.asgi:application", *options, "--port", str(port)],
        measures=frozenset({"few", "many"}),
    )


def plain_eventstream(folder: Path, _stack: ExitStack) -> Site:
    shutil.copytree(Path(__file__).parent / "peer_eventstream", folder, ignore=shutil.ignore_patterns("__pycache__"))
    return Site(
        key="plain",
        label="plain django-eventstream",
        folder=folder,
        settings="plain.settings",
        command=lambda port: ["-m", "daphne", "-b", "127.0.0.1", "-p", str(port), "plain.asgi:application"],
        publish="plain.views.publish",
        python_path=(folder, ROOT),
    )
