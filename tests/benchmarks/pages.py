"""Measure the inbox page: `python -m tests.benchmarks.pages`. Goals: 5 queries and 50 ms of server time for 50 lines."""

import os
import statistics
import tempfile
import time
from pathlib import Path

KINDS = ("order.placed", "order.paid", "order.expired", "payment.succeeded")
ROUNDS = 30
# What the person's inbox holds; the log holds as much again of other people's.
INBOXES = (50, 1_000, 10_000)
GOAL_QUERIES, GOAL_MILLISECONDS = 5, 50


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        os.environ["DATABASE_URL"] = f"sqlite:///{Path(folder) / 'pages.sqlite3'}"
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

        import django
        from django.conf import settings
        from django.core.management import call_command

        django.setup()
        settings.DEBUG, settings.ALLOWED_HOSTS = False, ["testserver"]
        call_command("migrate", verbosity=0)
        for count in INBOXES:
            queries, milliseconds = measure(count)
            print(
                f"an inbox of {count:6,}: {queries} queries (goal ≤ {GOAL_QUERIES}), "
                f"{milliseconds:.1f} ms (goal ≤ {GOAL_MILLISECONDS})"
            )


def measure(count: int) -> tuple[int, float]:
    """Returns the queries and the median of the milliseconds of processor time that a page of this inbox takes."""
    from django.contrib.auth.models import User
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from notifications import log
    from notifications.models import Event

    person, other = (User.objects.create_user(f"{name}-{count}") for name in ("reader", "other"))
    data = {"number": 1042, "buyer": "bob", "product": "Mug", "amount": "12.50", "currency": "EUR"}
    log.append_all(
        Event(channel=f"user:{reader.pk}", kind=KINDS[number % len(KINDS)], data=data, url="/orders/1042/")
        for number in range(count)
        for reader in (person, other)
    )
    client = Client()
    client.force_login(person)
    with CaptureQueriesContext(connection) as captured:
        page = client.get("/notifications/")
    # Read now: the next request empties the list.
    queries = len(captured)
    assert page.content.count(b'data-position="') == min(count, 50)
    taken = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        client.get("/notifications/")
        taken.append((time.process_time() - begun) * 1000)
    return queries, statistics.median(taken)


if __name__ == "__main__":
    main()
