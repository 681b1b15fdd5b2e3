"""Servers without Django to compare with: nginx with nchan, and a program in C that only writes to sockets."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import processes
from .errors import BenchmarkError, MissingError
from .sites import START_SECONDS, free_port, stop

MODULES = ("/usr/lib/nginx/modules", "/usr/share/nginx/modules", "/usr/lib64/nginx/modules")
NCHAN = "ngx_nchan_module.so"
# What one event of this project carries beside the mark: the peers send as many bytes.
EVENT = {
    "id": 1000,
    "kind": "post.published",
    "channel": "author:1000000",
    "title": "author published a new post",
    "body": "What is new",
    "url": "/posts/1/",
    "created_at": "2026-01-01T12:00:00.000Z",
}


@dataclass(frozen=True)
class Peer:
    key: str
    label: str
    folder: Path
    # The program and its arguments, with the files it needs written beforehand.
    command: Callable[[Path, int], list[str]]
    # Whether the process that serves is a child of the one started.
    forks: bool = False
    must_be_right: bool = False
    stream_path: str = "/events/"
    measures: frozenset[str] = frozenset({"few", "many", "crowd", "throng", "storm"})

    @property
    def cookies(self) -> Path:
        return self.folder / "cookies"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    def prepare(self, streams: int) -> None:
        """Nobody is asked who they are here: the same cookie for all."""
        self.cookies.write_text("sessionid=nobody-looks-at-this-cookie-here\n" * streams)

    @contextmanager
    def serving(self) -> Iterator["PeerServer"]:
        port = free_port()
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                self.command(self.folder, port), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            server = PeerServer(self, process, port)
            server.wait_until_ready()
            yield server
        finally:
            stop(process)


@dataclass(frozen=True)
class PeerServer:
    site: Peer
    process: "subprocess.Popen[bytes]"
    port: int

    @property
    def pid(self) -> int:
        pid = self.process.pid
        if not self.site.forks:
            return pid
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])

    @property
    def ports(self) -> list[int]:
        return [self.port]

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise BenchmarkError(f"{self.site.label}: the server did not start:\n{self.end_of_log()}")

    def publish(self, *, run: int, first: int, count: int, together: bool = True, seconds: float = 60) -> list[int]:
        """Sends events, all at once where there are several; the clock of each starts when it is sent."""
        requests = []
        published = time.monotonic_ns()
        for sequence in range(first, first + count):
            mark = f"{run}.{sequence}.{published}"
            body = json.dumps({**EVENT, "data": {"author": "author", "title": "What is new", "mark": mark}}).encode()
            requests.append(
                b"POST /publish/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
            )
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            published = time.monotonic_ns()
            connection.sendall(b"".join(requests))
            answers = b""
            while answers.count(b"HTTP/1.1 2") < count:
                answer = connection.recv(65536)
                if not answer:
                    raise BenchmarkError(f"{self.site.label} refused an event: {answers[-500:]!r}")
                answers += answer
        return [published] * count

    def end_of_log(self) -> str:
        return self.site.log.read_text(errors="replace")[-2000:]

    def usage(self) -> processes.Usage:
        return processes.usage(self.pid, None)


def nchan(folder: Path, _stack: ExitStack) -> Peer:
    modules = [Path(folder) / NCHAN for folder in MODULES if (Path(folder) / NCHAN).exists()]
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}{os.pathsep}/usr/sbin")
    if not (modules and program):
        raise MissingError("nginx with nchan is not installed (Debian package libnginx-mod-nchan)")
    folder.mkdir()

    def command(folder: Path, port: int) -> list[str]:
        configuration = folder / "nginx.conf"
        text = (Path(__file__).parent / "peer_nchan" / "nginx.conf").read_text()
        user = "user root;" if os.geteuid() == 0 else ""
        values = {"@module@": str(modules[0]), "@user@": user, "@folder@": str(folder), "@port@": str(port)}
        for name, value in values.items():
            text = text.replace(name, value)
        configuration.write_text(text)
        return [str(program), "-p", str(folder), "-c", str(configuration), "-e", str(folder / "server.log")]

    return Peer(key="nchan", label="nginx + nchan", folder=folder, command=command, forks=True)


def floor(folder: Path, _stack: ExitStack) -> Peer:
    compiler = shutil.which("cc")
    if compiler is None:
        raise MissingError("the floor program is not measured: there is no C compiler (cc)")
    folder.mkdir()
    program = folder / "floor"
    source = Path(__file__).parent / "peer_floor" / "floor.c"
    done = subprocess.run([compiler, "-O2", "-o", program, source], capture_output=True, text=True, check=False)
    if done.returncode:
        raise MissingError(f"the floor program could not be compiled: {done.stderr[-500:]}")
    return Peer(key="floor", label="floor (C)", folder=folder, command=lambda _folder, port: [str(program), str(port)])
