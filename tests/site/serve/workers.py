"""A server with workers: its processes, and streams on all of them."""

import time
from pathlib import Path

import httpx

from notifications.testing import free_port
from tests.site.serve.streams import stream
from tests.support.services import ServeProcess, Site
from tests.support.sse import SseClient

WITHIN = 30.0


def until(condition, what: str) -> None:
    deadline = time.monotonic() + WITHIN
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def serve_with_workers(site: Site, count: int = 2, *more: str) -> ServeProcess:
    """Starts it, and returns once all workers serve."""
    port = free_port()
    site.environment["TMPDIR"] = str(site.folder)
    server = site.start("manage.py", "serve", "--port", str(port), "--workers", str(count), *more, port=port)
    until(lambda: f"with {count} workers" in server.log(), server.log())
    return server


def metrics_folders(site: Site) -> list[Path]:
    """The temporary folders in which workers keep their metrics."""
    return list(site.folder.glob("serve-metrics-*"))


def workers_of(server: ServeProcess) -> list[int]:
    """The process ids of its workers, the oldest first: ids begin again at some number, so they have no order."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text()
    return list(map(int, children.split()))


def runs(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def sockets_of(pid: int) -> set[str]:
    """The sockets of a process, by inode."""
    links = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()]
    return {link[8:-1] for link in links if link.startswith("socket:")}


def worker_of(client: SseClient, server: ServeProcess) -> int:
    """The worker that holds a stream: the kernel's table leads from the client's port to the server's socket."""
    port = client._socket.getsockname()[1]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        local, remote = (int(fields[place].partition(":")[2], 16) for place in (1, 2))
        if (local, remote) == (server.port, port):
            return next(pid for pid in workers_of(server) if fields[9] in sockets_of(pid))
    raise AssertionError("the server has no such connection")


def streams_on_all(server: ServeProcess, cookies) -> dict[int, list[SseClient]]:
    """Opens streams until each worker holds two of them at least; returns them by worker."""
    found: dict[int, list[SseClient]] = {pid: [] for pid in workers_of(server)}
    for _ in range(300):
        client = stream(server, cookies)
        found[worker_of(client, server)].append(client)
        if all(len(clients) >= 2 for clients in found.values()):
            return found
    raise AssertionError(f"unbalanced: { ({pid: len(clients) for pid, clients in found.items()}) }")


def metric(server: ServeProcess, name: str) -> float:
    """A sample of /metrics, by its name with its labels; 0 if there is none."""
    lines = httpx.get(f"{server.url}/metrics", trust_env=False, timeout=WITHIN).text.splitlines()
    return next((float(line.split()[-1]) for line in lines if line.startswith(f"{name} ")), 0.0)
