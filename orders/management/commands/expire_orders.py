"""`manage.py expire_orders`: expires orders whose payment window is over; for cron."""

from typing import Any

from django.core.management.base import BaseCommand

from orders import payments


class Command(BaseCommand):
    help = "Expires orders whose payment window is over. Pages and streams do it too when they look."

    def handle(self, **options: Any) -> None:
        self.stdout.write(f"{payments.expire_overdue()} orders expired")
