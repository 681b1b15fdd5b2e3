"""How this project is told of a benchmark's event: as a post of an author whom everyone follows."""

from collections.abc import Sequence
from typing import Any

from notifications import log, subscriptions
from notifications.models import Subscription

# No user of this number is needed: a subscription is to a channel.
CHANNEL = "author:1000000"


def publish(mark: str) -> None:
    log.append(CHANNEL, "post.published", {"author": "author", "title": "What is new", "mark": mark}, url="/posts/1/")


def subscribe_all(people: Sequence[Any]) -> None:
    Subscription.objects.bulk_create([Subscription(user=person, channel=CHANNEL) for person in people])
    for person in people:
        # The first visit writes the rows of a person's own channels: opening streams is measured as it is afterwards.
        subscriptions.channels_of(person)
