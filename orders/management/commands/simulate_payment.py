"""`manage.py simulate_payment`: plays the payment provider over HTTP, from its own process."""

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from tqdm import tqdm

from orders.demo.lab.run import Finding, run_all
from orders.demo.lab.scenarios import SCENARIOS
from orders.demo.simulator import Message, Reply, post
from orders.models import Order
from orders.payments import Rejected, parse_amount

EXIT_CODES = "Exit code: 0 all accepted, 1 wrong use, 2 refused (4xx), 3 to be sent again (5xx), 4 no answer."
REFUSED, AGAIN, SILENT = 2, 3, 4
MAX_TIMES = 10_000
LONGEST_DELAY = 3600
# Concurrent requests with --concurrent.
CONCURRENCY = 50


def site(value: str) -> str:
    """Parses the URL of a site and drops its path."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise argparse.ArgumentTypeError(f"{value!r} must look like http://host:port")
    return f"{parts.scheme}://{parts.netloc}"


def amount(value: str) -> str:
    """Checks an amount; any amount is allowed that a provider could send."""
    try:
        parse_amount(value)
    except Rejected:
        raise argparse.ArgumentTypeError(f'{value!r} is not an amount such as "12.50"') from None
    return value


class Command(BaseCommand):
    """Sends the callbacks with which a provider reports a payment."""

    help = f"Sends a payment's signed callback to the running site, as its provider would. {EXIT_CODES}"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("number", type=int, metavar="ORDER_NUMBER", nargs="?")
        parser.add_argument("--base-url", type=site, help="the site (default http://127.0.0.1:8000)")
        parser.add_argument("--secret", help="signs instead of the first of PAYMENT_CALLBACK_SECRETS")
        parser.add_argument("--outcome", choices=["paid", "failed"], default="paid")
        parser.add_argument("--amount", type=amount, help="reports this amount instead of the order's")
        parser.add_argument("--delay", type=float, default=0.0, help="seconds to wait before the first callback")
        parser.add_argument("--times", type=int, default=1, help="sends the same callback this often")
        parser.add_argument("--concurrent", action="store_true", help="sends them at the same moment")
        parser.add_argument("--bad-signature", action="store_true", help="signs wrongly")
        parser.add_argument("--stale", action="store_true", help="signs with a time six minutes ago")
        parser.add_argument(
            "--lab", action="store_true", help="replays how providers behave, and judges the site by it"
        )
        parser.add_argument("--speed", type=float, default=1000.0, help="how much faster the lab's time runs")

    def handle(self, *, number: int | None, **options: Any) -> None:
        """Sends callbacks or runs the lab; prints the responses, and ends with the exit code for them."""
        if options["lab"] == (number is not None):
            raise CommandError("give either an ORDER_NUMBER or --lab")
        if number is None:
            self.run_lab(options["base_url"], options["speed"])
        else:
            self.send(number, **options)

    def send(self, number: int, *, base_url: str | None, times: int, delay: float, **options: Any) -> None:
        """Sends one callback once or several times."""
        if not 1 <= times <= MAX_TIMES:
            raise CommandError(f"--times must be from 1 to {MAX_TIMES}")
        if not 0 <= delay <= LONGEST_DELAY:
            raise CommandError(f"--delay must be from 0 to {LONGEST_DELAY} seconds")
        order = Order.objects.filter(number=number).first()
        if order is None:
            raise CommandError(f"there is no order {number}")
        message = self.message(order, **options)
        target = base_url or "http://127.0.0.1:8000"
        word = "payment.succeeded" if message.succeeded else "payment.failed"
        self.stdout.write(f"POST {target}/payments/callback/ {word} {message.amount or order.amount} {order.currency}")
        time.sleep(delay)
        replies = self.replies(message, target, times, concurrent=options["concurrent"])
        for reply in dict.fromkeys(replies):
            count = replies.count(reply)
            self.stdout.write(f"{reply} ({count} times)" if count > 1 else str(reply))
        self.end_with(replies)

    def message(self, order: Order, **options: Any) -> Message:
        """Returns the callback that the options describe; raises CommandError for an unusable secret."""
        message = Message(
            order,
            succeeded=options["outcome"] == "paid",
            amount=options["amount"],
            secret=options["secret"],
            bad_signature=options["bad_signature"],
            sent_at=timezone.now() - timedelta(minutes=6) if options["stale"] else None,
        )
        try:
            message.signed()
        except ValueError:
            raise CommandError("--secret must be base64, with or without the prefix whsec_") from None
        return message

    def replies(self, message: Message, target: str, times: int, *, concurrent: bool) -> list[Reply]:
        """Sends one after the other or all at once, and returns the replies; shows a progress bar for many."""
        with ThreadPoolExecutor(min(times, CONCURRENCY) if concurrent else 1) as pool:
            sent = [pool.submit(post, message, target) for _place in range(times)]
            return [future.result() for future in tqdm(sent, disable=times < CONCURRENCY, unit="callback")]

    def end_with(self, replies: list[Reply]) -> None:
        """Ends with the exit code of the worst reply."""
        statuses = [reply.status for reply in replies]
        if not all(statuses):
            raise CommandError("the site does not answer", returncode=SILENT)
        if max(statuses) >= 500:
            raise CommandError("the site asks to send it again", returncode=AGAIN)
        if max(statuses) >= 400:
            raise CommandError("the site refuses it", returncode=REFUSED)

    def run_lab(self, base_url: str | None, speed: float) -> None:
        """Runs the lab and prints its table; the exit code is 1 if a scenario failed."""
        if not speed >= 1:
            raise CommandError("--speed must be at least 1")
        if not settings.DEBUG:
            raise CommandError("the lab places orders and logs in as their people: it runs only where DEBUG is on")
        with tqdm(total=sum(scenario.sends for scenario in SCENARIOS), unit="callback") as progress:
            try:
                findings = list(run_all(base_url, speed, progress.update))
            except (LookupError, RuntimeError) as error:
                raise CommandError(str(error)) from None
        self.stdout.write(table(findings))
        for finding in findings:
            for problem in finding.problems:
                self.stderr.write(self.style.ERROR(f"{finding.scenario}: {problem}"))
        wrong = sum(bool(finding.problems) for finding in findings)
        if wrong:
            raise CommandError(f"{wrong} of {len(findings)} scenarios went wrong")
        self.stdout.write(self.style.SUCCESS(f"All {len(findings)} scenarios went as they must."))


def table(findings: list[Finding]) -> str:
    """Formats the findings as a table."""
    rows = [("scenario", "order", "sent", "answered", "buyer saw", "seller saw", "")]
    for finding in findings:
        seen = (finding.scenario, str(finding.order), finding.sent, finding.answered, finding.buyer, finding.seller)
        rows.append((*seen, "WRONG" if finding.problems else "ok"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("─" * width for width in widths))
    return "\n".join(lines)
