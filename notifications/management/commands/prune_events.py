"""`manage.py prune_events`: deletes old events; for cron."""

import argparse
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from notifications import conf, log


def days(value: str) -> int:
    """Parses a number of days, at least 1."""
    if not value.isdecimal() or not 1 <= int(value) <= 36_500:
        raise argparse.ArgumentTypeError(f"{value!r} is not a number of days from 1 to 36500")
    return int(value)


class Command(BaseCommand):
    """Prunes the log."""

    help = "Deletes events older than --days, in chunks; readers whose cursor is older are told to reload."

    def add_arguments(self, parser: CommandParser) -> None:
        """Adds the age."""
        parser.add_argument("--days", type=days, default=conf.keep_days(), help="age in days (default %(default)s)")

    def handle(self, *, days: int, **options: Any) -> None:
        """Prunes and says how much."""
        self.stdout.write(f"{log.prune(timedelta(days=days))} events deleted")
