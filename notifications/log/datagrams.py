"""Wake-ups between the processes of a site on SQLite: datagrams to sockets in a folder beside the database file.

Each tail binds a socket of its own in the folder, and every process that has numbered events sends to all of them. The folder
and the sockets have the rights of the database file: who may not write there can wake nobody. The socket of a process that was
killed stays behind; the next one that sends to it finds nobody there, and removes it.
"""

import atexit
import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

from django.db import connections

SUFFIX = "-wakeups"
# The longest address of a socket in bytes; a longer path is reached by a descriptor of its folder.
LONGEST_ADDRESS = 100
DESCRIPTORS = Path("/proc/self/fd")

# The socket from which this process sends. Datagrams need no connection, so that one serves all threads.
_sender: socket.socket | None = None


def folder_of(alias: str) -> Path | None:
    """Returns the folder of the database; None unless it is a file of SQLite, on a system with such sockets."""
    connection = connections[alias]
    if connection.vendor != "sqlite" or not hasattr(socket, "AF_UNIX"):
        return None
    name = os.fspath(connection.settings_dict["NAME"])
    if not name or name.startswith(("file:", ":memory:")):
        return None
    return Path(f"{os.path.abspath(name)}{SUFFIX}")  # noqa: PTH100  links stay: each name has its own -wal file too


def send_datagram(folder: Path, message: bytes, own: Path | None = None) -> None:
    """Sends the message to every socket in the folder but this process's own. Never blocks, never raises.

    What does not fit into a queue is left out: that process has others to read, and looks at the log then.
    """
    global _sender
    try:
        names = os.listdir(folder)  # noqa: PTH208  only the names, a third of the time
    except OSError:
        return
    if _sender is None:
        _sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        _sender.settimeout(0)
        atexit.register(_sender.close)
    for name in names:
        path = folder / name
        if path == own:
            continue
        try:
            with Address(path) as address:
                _sender.sendto(message, address)
        except ConnectionRefusedError:
            # Nobody has it open any more.
            with suppress(OSError):
                path.unlink()
        except OSError:
            continue


class Mailbox:
    """The socket on which this process receives; `socket` is non-blocking."""

    def __init__(self, folder: Path, database: Path) -> None:
        """Binds the socket, with the rights of the database file. Raises OSError if that is impossible."""
        self.folder = folder
        self.path = folder / f"{os.getpid()}-{os.urandom(4).hex()}"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(0)
        try:
            rights = database.stat()
            try:
                self._bind(rights)
            except FileNotFoundError:
                # The last process of before has removed the folder just now.
                self._bind(rights)
        except OSError:
            self.close()
            raise

    def _bind(self, rights: os.stat_result) -> None:
        mode = stat.S_IMODE(rights.st_mode)
        with suppress(FileExistsError):
            self.folder.mkdir(mode=0o700)
            # Who may read the file may enter the folder.
            share(self.folder, mode | (mode & 0o444) >> 2, rights.st_gid)
        with Address(self.path) as address:
            self.socket.bind(address)
        share(self.path, mode, rights.st_gid)

    def read(self) -> list[bytes]:
        """Returns all messages that wait."""
        messages = []
        with suppress(BlockingIOError):
            while True:
                messages.append(self.socket.recv(1 << 20))
        return messages

    def close(self) -> None:
        """Closes and removes the socket, and the folder with the last one."""
        self.socket.close()
        with suppress(OSError):
            self.path.unlink()
        with suppress(OSError):
            self.folder.rmdir()


class Address:
    """The address of a socket for the time of a block, whatever the length of its path."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor = -1

    def __enter__(self) -> str:
        if len(os.fsencode(self.path)) <= LONGEST_ADDRESS:
            return str(self.path)
        self.descriptor = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        return str(DESCRIPTORS / str(self.descriptor) / self.path.name)

    def __exit__(self, *error: object) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)


def share(path: Path, mode: int, group: int) -> None:
    """Gives a path the mode and the group of the database file; the group only where this user may."""
    path.chmod(mode)
    with suppress(OSError):
        os.chown(path, -1, group)
