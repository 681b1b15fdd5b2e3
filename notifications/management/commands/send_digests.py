"""`manage.py send_digests`: emails users their unread notifications; for cron, every few minutes."""

from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from notifications import conf, digests
from notifications.digests import MailServerDown, Outcome


class Command(BaseCommand):
    help = "Emails people their unread notifications, bundled. It is safe to run twice, and in two places at once."

    def handle(self, **options: Any) -> None:
        """Prints how many emails were sent; exit code 1 if the mail server was down or refused an email."""
        if not conf.site_url():
            raise CommandError("SITE_URL: must be set, for the links in the emails: https://shop.example")
        due = digests.due()
        outcomes: Counter[Outcome] = Counter()
        try:
            # disable=None: a progress bar on a terminal, none in the log of a cron job.
            for outcome in tqdm(digests.send_all(due), total=len(due), unit="person", disable=None, delay=1):
                outcomes[outcome] += 1
        except MailServerDown as error:
            raise CommandError(
                f"the mail server is down ({error}): {outcomes[Outcome.SENT]} emails sent, the rest is for the next run"
            ) from error
        said = f"{outcomes[Outcome.SENT]} emails sent, {outcomes[Outcome.WAITS]} people not due yet"
        if outcomes[Outcome.BUSY]:
            said += f", {outcomes[Outcome.BUSY]} left for later"
        self.stdout.write(said)
        if refused := outcomes[Outcome.REFUSED]:
            raise CommandError(
                f"{refused} emails were refused; see the log. They are tried again in a quarter of an hour"
            )
