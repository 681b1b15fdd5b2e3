"""`manage.py prune_events`: deletes old events; for cron."""

import argparse
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from notifications import conf
from notifications.inbox import retention


def days(value: str) -> int:
    """Parses a number of days, at least 1."""
    if not value.isdecimal() or not 1 <= int(value) <= 36_500:
        raise argparse.ArgumentTypeError(f"{value!r} is not a number of days from 1 to 36500")
    return int(value)


class Command(BaseCommand):
    help = (
        "Deletes events older than --days, in chunks; an event that somebody has unread, only after --unread-days. "
        "Clients whose cursor is older reload."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=days, default=conf.keep_days(), help="age in days (default %(default)s)")
        parser.add_argument(
            "--unread-days", type=days, help=f"age of unread events in days (default {conf.keep_unread_days()})"
        )

    def handle(self, *, days: int, unread_days: int | None, **options: Any) -> None:
        """Prints the numbers of deleted and of kept events; exit code 1 if --unread-days is below --days."""
        if unread_days is None:
            unread_days = max(days, conf.keep_unread_days())
        if unread_days < days:
            raise CommandError("--unread-days: unread events cannot be kept for a shorter time than read ones")
        pruned = retention.prune_events(timedelta(days=days), timedelta(days=unread_days))
        self.stdout.write(f"{pruned.deleted} events deleted, {pruned.spared} older ones kept: somebody has them unread")
