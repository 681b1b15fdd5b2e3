"""Socket activation: systemd listens on the socket and passes it to the process (sd_listen_fds(3)).

The socket stays open while one process ends and the next one starts: connections of that time wait, and none is refused.
"""

import os
import socket

# The first passed descriptor (SD_LISTEN_FDS_START).
FIRST = 3


class NotOneSocket(Exception):
    """The process did not get exactly one socket."""


def inherited() -> str:
    """Returns Twisted's description of the socket that this process got from systemd; raises NotOneSocket.

    Twisted removes LISTEN_PID and LISTEN_FDS from the environment if they are for this process, and leaves the names of
    the sockets.
    """
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    if "LISTEN_PID" in os.environ or names == [""]:
        raise NotOneSocket("no socket was handed over: start this by a unit that has a socket (deploy/live@.socket)")
    if len(names) > 1:
        raise NotOneSocket(f"{len(names)} sockets were handed over, and one is served: give the unit one ListenStream")
    with socket.socket(fileno=os.dup(FIRST)) as given:
        family = given.family.name.removeprefix("AF_")
    return f"systemd:domain={family}:index=0"
