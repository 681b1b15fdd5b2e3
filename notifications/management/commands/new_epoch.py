"""`manage.py new_epoch`: after a database was restored from a backup, before the site starts again."""

from typing import Any

from django.core.management.base import BaseCommand

from notifications import log


class Command(BaseCommand):
    help = (
        "Gives the log a new epoch. Run it after a restore of the database: positions that the lost part of the log had are "
        "given again, and every open page must load anew instead of resuming. Servers that run notice it within a second."
    )

    def handle(self, **options: Any) -> None:
        """Prints the epoch."""
        bounds = log.renew_epoch(log.begin().epoch)
        self.stdout.write(f"the log has the epoch {bounds.epoch}, and ends at {bounds.head}")
