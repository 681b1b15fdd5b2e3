"""Socket activation: the socket that systemd listens on and passes to this process (sd_listen_fds(3)).

It stays open while a process ends and the next one starts: connections made meanwhile wait, and none is refused.
"""

import os
import socket

# SD_LISTEN_FDS_START: the first descriptor that systemd passes.
LISTEN_FDS_START = 3


class SocketActivationError(Exception):
    """systemd did not pass exactly one socket; the message says what to do."""


def activated_endpoint() -> str:
    """Returns Twisted's description of the socket that was passed to this process; raises SocketActivationError."""
    with activated_socket() as passed:
        family = passed.family.name.removeprefix("AF_")
    return f"systemd:domain={family}:index=0"


def activated_socket() -> socket.socket:
    """Returns a copy of the socket that was passed to this process; raises SocketActivationError.

    Twisted has removed LISTEN_PID and LISTEN_FDS from the environment if they were meant for this process, and left the
    names of the sockets.
    """
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    if "LISTEN_PID" in os.environ or names == [""]:
        raise SocketActivationError(
            "no socket was handed over: start this by a unit that has a socket (deploy/live@.socket)"
        )
    if len(names) > 1:
        raise SocketActivationError(
            f"{len(names)} sockets were handed over, and one is served: give the unit one ListenStream"
        )
    return socket.socket(fileno=os.dup(LISTEN_FDS_START))
