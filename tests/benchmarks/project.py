"""This project's side of the benchmark: a post of an author whom everyone follows, and the clock of payments."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from django.db import transaction
from django.http import HttpRequest, JsonResponse

from notifications import log, subscriptions
from notifications.models import Event, Subscription
from orders.payments import Result, settlement
from orders.payments.providers import Rejected, Report

# No user of this number is needed: a subscription is to a channel.
CHANNEL = "author:1000000"

# When the commit of an order's payment was over, by order number.
_paid_at: dict[int, int] = {}


def publish(mark: str) -> None:
    log.append(CHANNEL, "post.published", {"author": "author", "title": "What is new", "mark": mark}, url="/posts/1/")


def insert(mark: str) -> None:
    """Inserts the row that publish() appends, which gets no position: what the database by itself can do."""
    data = {"author": "author", "title": "What is new", "mark": mark}
    Event.objects.create(channel=CHANNEL, kind="post.published", data=data, url="/posts/1/")


def subscribe_all(people: Sequence[Any]) -> None:
    # The first visit writes the rows of a person's own channels: opening streams is measured as it is afterwards.
    rows = [
        Subscription(user=person, channel=channel)
        for person in people
        for channel in (CHANNEL, *sorted(subscriptions.own_channels(person)))
    ]
    Subscription.objects.bulk_create(rows, batch_size=2000, ignore_conflicts=True)


def watch_payments() -> None:
    """Notes the commits of payments from now on."""
    apply_all = settlement.apply_all

    def watched(reports: Sequence[Report]) -> list[Result | Rejected]:
        # Registered before the log's own hook, so that it runs before that: the clock starts at the commit.
        transaction.on_commit(partial(note_commit, [report.order_number for report in reports]))
        return apply_all(reports)

    settlement.apply_all = watched


def note_commit(numbers: Sequence[int]) -> None:
    now = time.monotonic_ns()
    for number in numbers:
        _paid_at.setdefault(number, now)


def commits_view(request: HttpRequest) -> JsonResponse:
    return JsonResponse({str(number): at for number, at in _paid_at.items()})
