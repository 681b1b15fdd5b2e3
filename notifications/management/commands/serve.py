"""`manage.py serve`: runs the site with streams, on an address or on a socket that systemd passes, until SIGTERM or Ctrl-C."""

import argparse
import gc
import os
import socket
import sys
from typing import Any

from channels.routing import get_default_application
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from notifications.server.daphne import StreamServer, endpoint, listen
from notifications.server.internals import IncompatibleVersions
from notifications.server.socket_activation import SocketActivationError, activated_endpoint, activated_socket
from notifications.server.workers import Assignment, ParentLink, WorkerPool, WorkersFailed


def port_number(value: str) -> int:
    """Parses a TCP port."""
    if not value.isdecimal() or not 1 <= int(value) <= 65_535:
        raise argparse.ArgumentTypeError(f"{value!r} is not a port from 1 to 65535")
    return int(value)


def worker_count(value: str) -> int:
    """Parses a number of workers; `auto` is the number of processors that this process may use."""
    if value == "auto":
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not value.isdecimal() or not 1 <= int(value) <= 256:
        raise argparse.ArgumentTypeError(f"{value!r} is neither a number of workers from 1 to 256 nor auto")
    return int(value)


class Command(BaseCommand):
    help = "Runs the site with its streams on Daphne, until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--systemd", action="store_true", help="serve the socket that systemd hands over instead")
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
        parser.add_argument("--port", default=8000, type=port_number, help="port to listen on (default %(default)s)")
        parser.add_argument(
            "--workers", default=1, type=worker_count, help="processes; auto: one a processor (default %(default)s)"
        )

    def handle(self, *, host: str, port: int, systemd: bool = False, workers: int = 1, **options: Any) -> None:
        """Serves until SIGTERM or Ctrl-C; exit code 1 if the address is in use, or Daphne or Twisted cannot be used."""
        where = "the socket that was handed over" if systemd else f"http://{host}:{port}/"
        assignment = Assignment.take()
        try:
            if assignment is not None:
                self.work(assignment)
                return
            if settings.DEBUG and host not in ("127.0.0.1", "localhost", "::1", "[::1]"):
                self.stderr.write(self.style.WARNING("DEBUG is on: set DEBUG=0 before others can reach this address."))
            if workers > 1:
                self.supervise(activated_socket() if systemd else open_socket(host, port), workers, where)
                return
            server = StreamServer(
                application=get_default_application(),
                endpoints=[activated_endpoint() if systemd else endpoint(host, port)],
                server_name="",
                ready_callable=lambda: self.stdout.write(f"Serving on {where} (Ctrl-C ends it)"),
            )
            run_to_the_end(server)
        except (SocketActivationError, IncompatibleVersions, WorkersFailed) as error:
            raise CommandError(str(error)) from None
        if server.abort_start:
            raise CommandError(f"cannot listen on {where}: is another program running there?")
        sys.stdout.flush()

    def supervise(self, listener: socket.socket, count: int, where: str) -> None:
        """Serves with so many processes, as their parent."""

        def when_ready() -> None:
            self.stdout.write(f"Serving on {where} with {count} workers (Ctrl-C ends them)")
            self.stdout.flush()

        with listener:
            WorkerPool(count, listener, when_ready).run()

    def work(self, assignment: Assignment) -> None:
        """Serves as one of several workers."""
        link = ParentLink(assignment)
        link.attach()
        with socket.socket(fileno=assignment.listener) as listener:
            run_to_the_end(
                StreamServer(
                    application=get_default_application(),
                    inherited=listener,
                    server_name="",
                    ready_callable=link.report_ready,
                )
            )
        link.detach()


def open_socket(host: str, port: int) -> socket.socket:
    """Returns a listening socket; raises CommandError."""
    try:
        return listen(host, port)
    except OSError as error:
        raise CommandError(f"cannot listen on http://{host}:{port}/: {error.strerror}") from None


def run_to_the_end(server: StreamServer) -> None:
    """Runs a server until SIGTERM."""
    # Measured: with the objects of start-up out of the collector's sight, its longest pause is 5 ms, not 60.
    gc.collect()
    gc.freeze()
    server.run()
