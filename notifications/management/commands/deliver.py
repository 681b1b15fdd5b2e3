"""`manage.py deliver`: runs the consumers of the log, until SIGTERM or Ctrl-C."""

import asyncio
import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from prometheus_client import start_http_server

from notifications import log
from notifications.consumers.registry import Consumer, all_consumers
from notifications.consumers.runner import ConsumerRunner, drain
from notifications.models import ConsumerCursor


class Command(BaseCommand):
    help = (
        "Runs all consumers of the log, until SIGTERM or Ctrl-C. It is safe to run several: each consumer is run by one of them,"
        " and by another one within seconds if that is killed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="handle what is in the log, and end; for cron")
        parser.add_argument("--list", action="store_true", help="show how far each consumer is, and end")
        parser.add_argument("--metrics-host", default="127.0.0.1", help="address of the metrics (default %(default)s)")
        parser.add_argument("--metrics-port", type=int, help="port on which to expose metrics (default: none)")

    def handle(self, *, once: bool, metrics_host: str, metrics_port: int | None, **options: Any) -> None:
        """Exit code 1 if --once leaves events behind that failed."""
        consumers = all_consumers()
        if options["list"]:
            self.show(consumers)
        elif once:
            self.run_once(consumers)
        else:
            if metrics_port is not None:
                self.expose(metrics_host, metrics_port)
            asyncio.run(self.run(consumers))

    def show(self, consumers: list[Consumer]) -> None:
        """Prints a line for each consumer."""
        rows = {row.name: row for row in ConsumerCursor.objects.using(log.database())}
        head = log.head()
        for each in consumers:
            row = rows.get(each.name)
            if row is None:
                self.stdout.write(f"{each.name}: has not run yet")
                continue
            text = f"{each.name}: at {row.position} of {head}, {row.set_aside} set aside"
            text += f", held by {row.holder}" if row.holder else ", not running"
            self.stdout.write(f"{text}; {row.error}" if row.error else text)

    def run_once(self, consumers: list[Consumer]) -> None:
        """Handles what is there."""
        if left := drain(consumers):
            raise CommandError("; ".join(f"{name} is not at the end: {reason}" for name, reason in left.items()))

    def expose(self, host: str, port: int) -> None:
        """Serves the metrics of this process."""
        try:
            start_http_server(port, addr=host)
        except (OSError, OverflowError) as error:
            raise CommandError(f"cannot listen on {host}:{port}: {error}") from None

    async def run(self, consumers: list[Consumer]) -> None:
        """Runs until a signal; a second one kills the process, as if it had no handler."""
        loop, ending = asyncio.get_running_loop(), asyncio.Event()

        def end() -> None:
            ending.set()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, end)
        names = ", ".join(each.name for each in consumers) or "none"
        self.stdout.write(f"Consumers: {names} (Ctrl-C ends them)")
        self.stdout.flush()
        await ConsumerRunner(consumers).run(ending)
