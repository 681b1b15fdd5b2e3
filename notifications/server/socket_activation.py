"""The socket that systemd listens on and hands over: socket activation (sd_listen_fds(3)).

It stays open while a process ends and the next one starts: who connects meanwhile waits, and nobody is refused.
"""

import os
import socket

# The first descriptor that is handed over.
FIRST = 3


class NotOneSocket(Exception):
    """What was handed over is not one socket."""


def inherited() -> str:
    """Returns Twisted's description of the socket that was handed to this process; raises NotOneSocket.

    Twisted has taken LISTEN_PID and LISTEN_FDS out of the environment where they were meant for this process, and left
    the names of the sockets.
    """
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    if "LISTEN_PID" in os.environ or names == [""]:
        raise NotOneSocket("no socket was handed over: start this by a unit that has a socket (deploy/live@.socket)")
    if len(names) > 1:
        raise NotOneSocket(f"{len(names)} sockets were handed over, and one is served: give the unit one ListenStream")
    with socket.socket(fileno=os.dup(FIRST)) as given:
        family = given.family.name.removeprefix("AF_")
    return f"systemd:domain={family}:index=0"
