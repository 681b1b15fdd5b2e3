"""What /proc says of one process: memory, threads, open files, time on the processor."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

Value = TypeVar("Value")
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    threads: int
    database_connections: int
    sockets: int
    resident_kb: int


def usage(pid: int, database: Path | None) -> Usage:
    targets = open_files(pid)
    return Usage(
        threads=len(list(Path(f"/proc/{pid}/task").iterdir())),
        database_connections=0 if database is None else database_connections(targets, database),
        sockets=sum(target.startswith("socket:") for target in targets),
        resident_kb=resident_kb(pid),
    )


def database_connections(targets: list[str], database: Path) -> int:
    """Count SQLite's connections by the descriptors of the file that each has open once.

    In WAL mode that is the write-ahead log. The database file itself then has more of them: SQLite cannot close one while
    another connection of the process holds a lock, and parks it for the next connection.
    """
    return targets.count(f"{database}-wal") or targets.count(str(database))


def open_files(pid: int) -> list[str]:
    targets = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            targets.append(str(link.readlink()))
        except FileNotFoundError:
            # Closed since the folder was listed.
            continue
    return targets


def resident_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1])
    raise ValueError(f"no Rss in /proc/{pid}/smaps_rollup")


def cpu_seconds(pid: int) -> float:
    # The name in the second field may hold blanks; what follows its closing bracket does not.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def settled(read: Callable[[], Value], *, seconds: float, pause: float = 0.5) -> Value:
    """The value once it stays the same between two looks, or what it is when the time is over."""
    deadline = time.monotonic() + seconds
    value = read()
    while time.monotonic() < deadline:
        time.sleep(pause)
        before, value = value, read()
        if before == value:
            break
    return value
