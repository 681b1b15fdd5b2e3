"""Real servers for tests: each on a free port of the loopback interface, with its data in a temporary folder."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
import redis
from psycopg import sql

from notifications.testing import LocalServer
from tests.support.forks import Fork, completed
from tests.support.processes import Daemon, free_port, program

ROOT = Path(__file__).resolve().parents[2]
STARTS_WITHIN = 20.0
# What a site of the tests runs on (fixture `engine`).
SQLITE, POSTGRESQL = "sqlite", "postgresql+redis"


class PostgresServer:
    """A PostgreSQL of its own, without passwords and without fsync."""

    def __init__(self, max_connections: int = 100):
        bin_folders = sorted((str(path) for path in Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
        if config := shutil.which("pg_config"):
            bin_folders += [subprocess.run([config, "--bindir"], capture_output=True, text=True).stdout.strip()]
        self.program = program("postgres", package="postgresql", also_in=bin_folders)
        # PostgreSQL refuses to run as root; Debian's package brings a user for it.
        self.owner: dict[str, Any] = (
            {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        )
        # Not below pytest's own folder: only the user running the tests may enter that one.
        self.folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        if self.owner:
            shutil.chown(self.folder, "postgres", "postgres")
        self.port = free_port()
        self.max_connections = max_connections
        self.daemon: Daemon | None = None
        initdb: list[str | Path] = [
            self.program.with_name("initdb"),
            "-D",
            self.folder / "data",
            "-A",
            "trust",
            "-U",
            "postgres",
        ]
        done = subprocess.run(
            [*initdb, "--no-locale", "--encoding=UTF8", "--no-sync"],
            cwd=self.folder,
            capture_output=True,
            text=True,
            **self.owner,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        self.start()

    def start(self) -> None:
        command: list[str | Path] = [self.program, "-D", self.folder / "data", "-p", str(self.port), "-k", self.folder]
        settings = {
            "listen_addresses": "127.0.0.1",
            "max_connections": self.max_connections,
            # Speed: the data of a test need not survive the machine.
            "fsync": "off",
            "full_page_writes": "off",
            "synchronous_commit": "off",
        }
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        self.daemon = Daemon(command, self.folder / "log", cwd=self.folder, **self.owner)
        self.daemon.wait_until(self._answers, STARTS_WITHIN)

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def execute(self, statement: str | sql.Composed, database: str = "postgres") -> None:
        """Runs one statement outside a transaction."""
        with psycopg.connect(self.database_url(database), autocommit=True, connect_timeout=5) as connection:
            connection.execute(statement)

    def database_url(self, name: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def create_database(self, name: str, template: str = "template0") -> str:
        """Creates the database as a copy of the template, and returns its address."""
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
        return self.database_url(name)

    def stop(self) -> None:
        """Ends every session and then the server (a fast shutdown)."""
        if self.daemon:
            self.daemon.terminate(signal.SIGINT)

    def kill(self) -> None:
        """Crashes it: the next start recovers from the write-ahead log (an immediate shutdown)."""
        if self.daemon:
            self.daemon.terminate(signal.SIGQUIT)

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        """Stops it and removes its data."""
        try:
            self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


class Pooler:
    """A pgbouncer in front of a PostgreSQL, which hands on its connections by the transaction."""

    def __init__(self, postgres: PostgresServer, folder: Path) -> None:
        self.port = free_port()
        settings = {
            "listen_addr": "127.0.0.1",
            "listen_port": self.port,
            "unix_socket_dir": "",
            "auth_type": "any",
            "pool_mode": "transaction",
            "default_pool_size": 3,
            "max_client_conn": 200,
            # psycopg's; a pooler of another kind takes it.
            "ignore_startup_parameters": "extra_float_digits,options",
        }
        lines = [f"{name} = {value}" for name, value in settings.items()]
        target = f"* = host=127.0.0.1 port={postgres.port} user=postgres"
        file = postgres.folder / "pgbouncer.ini"
        file.write_text("\n".join(["[databases]", target, "[pgbouncer]", *lines, ""]))
        path = program("pgbouncer", package="pgbouncer")
        # It refuses to run as root, as PostgreSQL does.
        self.daemon = Daemon([path, file], folder / "pgbouncer.log", cwd=postgres.folder, **postgres.owner)
        self.daemon.wait_until(self._answers, STARTS_WITHIN)

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.database_url("postgres"), connect_timeout=5):
                return True
        except psycopg.OperationalError:
            return False

    def database_url(self, name: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def close(self) -> None:
        self.daemon.terminate()


class RedisServer:
    """A Redis of its own that writes nothing to disk."""

    def __init__(self, folder: Path):
        self.program = program("redis-server", package="redis-server")
        self.folder = folder
        self.port = free_port()
        self.daemon: Daemon | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        options = {"port": str(self.port), "bind": "127.0.0.1", "save": "", "appendonly": "no", "dir": str(self.folder)}
        command: list[str | Path] = [
            self.program,
            *(part for name, value in options.items() for part in (f"--{name}", value)),
        ]
        self.daemon = Daemon(command, self.folder / "redis.log")
        self.daemon.wait_until(self._answers, STARTS_WITHIN)

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, socket_timeout=2) as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False

    def stop(self) -> None:
        if self.daemon:
            self.daemon.terminate()

    def kill(self) -> None:
        if self.daemon:
            self.daemon.kill()


class ServeProcess(LocalServer, Daemon):
    """One server process of the site."""

    def __init__(
        self,
        command: Sequence[str | Path],
        port: int,
        log_path: Path,
        environment: Mapping[str, str],
        *,
        folder: Path = ROOT,
        health: str = "/healthz",
        **options: Any,
    ):
        super().__init__(
            command,
            port,
            log_path,
            health=health,
            starts_within=STARTS_WITHIN,
            cwd=folder,
            env=environment,
            **options,
        )


class ForkedServer(ServeProcess):
    """A server process of the site that is a fork (forks.py)."""

    def begin(self, command: list[str], **options: Any) -> Fork:
        _interpreter, script, *arguments = command
        return Fork(Path(options["cwd"], script), arguments, options["env"], stdout=self.log_path)


class Site:
    """The project's own manage.py on a database of its own, with nothing of the developer's shell around it.

    Its commands and servers are forks (forks.py), but for the servers where `forks_servers` is off.
    """

    def __init__(
        self, folder: Path, database_url: str, redis_url: str | None = None, env: Mapping[str, str] | None = None
    ):
        self.forks_servers = True
        self.folder = folder
        self.database_url = database_url
        self.servers: list[ServeProcess] = []
        self.environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            # A crash of the interpreter (trap: SIGTERM with open streams) leaves its stack in the log.
            "PYTHONFAULTHANDLER": "1",
            "DATABASE_URL": database_url,
            "SECRET_KEY": "a-key-for-tests-alone-0123456789-0123456789-0123456789",
            "DEBUG": "1",
            "DJANGO_SETTINGS_MODULE": "tests.support.settings",
            **({"REDIS_URL": redis_url} if redis_url else {}),
            **(env or {}),
        }

    def manage(
        self, *arguments: str, check: bool = True, timeout: float = 60, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Runs one management command to its end."""
        done = completed(ROOT / "manage.py", arguments, self.environment, timeout=timeout, stdin=stdin)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def migrate(self) -> None:
        self.manage("migrate", "--verbosity", "0")

    def serve(self, port: int | None = None, *, workers: int = 1) -> ServeProcess:
        """Starts `manage.py serve`, and returns once it answers."""
        port = port or free_port()
        options = ["--workers", str(workers)] if workers > 1 else []
        return self.start("manage.py", "serve", "--host", "127.0.0.1", "--port", str(port), *options, port=port)

    def start(self, *arguments: str, port: int) -> ServeProcess:
        """Starts Python with these arguments as a server of the site on this port, and returns once it answers."""
        log_path = self.folder / f"server-{len(self.servers)}.log"
        # A parent of workers starts these with its own command line, and that of a fork is another.
        forks = self.forks_servers and arguments[0] == "manage.py" and "--workers" not in arguments
        kind = ForkedServer if forks else ServeProcess
        server = kind([sys.executable, *arguments], port, log_path, self.environment)
        self.servers.append(server)
        return server

    def close(self) -> None:
        """Ends all of its servers."""
        for server in self.servers:
            server.kill()
