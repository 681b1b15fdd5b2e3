"""What runs in the site's own environment: makes the people, writes, and says in the end what the database holds.

`python -m tests.torture.worker prepare|write|truth`, with its task as JSON on the first line of standard input; the answer
is JSON on standard output. A writer goes on until its standard input is closed.
"""

import json
import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.db import connections, transaction  # noqa: E402
from django.db.models import Q  # noqa: E402

from blog.models import Follow, Post  # noqa: E402
from notifications import inbox, log, subscriptions  # noqa: E402
from notifications.models import Event, Reading  # noqa: E402
from notifications.testing import start_session  # noqa: E402
from orders.models import Product  # noqa: E402
from tests.torture.paying import PAYS, outcome_of, place  # noqa: E402
from tests.torture.poison import POISON  # noqa: E402
from tests.torture.writer import Writer  # noqa: E402

AUTHORS = 2
# One in so many has done something in the inbox before the run begins.
CHANGED = 5


def snapshot(user: User) -> dict[int, bool]:
    """The person's inbox: what is in it, and whether it is unread."""
    rows: Any = inbox.items(user)
    return {position: bool(unread) for position, unread in rows.values_list("position", "is_unread")}


def positions_of(user: User) -> list[int]:
    """What is in the person's inbox, newest first."""
    return list(snapshot(user))


def prepare(readers: int, seed: int) -> dict[str, Any]:
    """Makes authors whom readers follow, sellers among the readers, and an inbox that is not empty."""
    chance = random.Random(f"{seed} people")
    # All in one transaction: positions are given once, not after every save.
    with transaction.atomic():
        authors = [User.objects.create_user(f"author-{number}") for number in range(AUTHORS)]
        users = [User.objects.create_user(f"reader-{number}") for number in range(readers)]
        for number, user in enumerate(users):
            # Everybody hears the first author, every other the second.
            for author in authors[: 1 + number % 2]:
                Follow.objects.create(follower=user, author=author)
            Product.objects.create(seller=user, name=f"Mug {number}", price="9.50")
        for number in range(6):
            Post.objects.create(author=authors[number % AUTHORS], title=f"Early {number}", status=Post.Status.PUBLISHED)
    with transaction.atomic():
        for user in users[::CHANGED]:
            positions = positions_of(user)
            inbox.change(user, chance.sample(positions, 2), Reading.State.READ)
            inbox.change(user, chance.sample(positions, 1), Reading.State.DISMISSED)
        pages = {
            user.pk: place(user, product).number
            for user, product in zip(users[::PAYS], Product.objects.all(), strict=False)
        }
    cursor = log.head()
    people = [
        {
            "user": user.pk,
            "session": start_session(user),
            "cursor": cursor,
            "inbox": snapshot(user),
            "order": pages.get(user.pk),
        }
        for user in users
    ]
    return {"people": people}


def write(process: int, processes: int, threads: int, **options: Any) -> dict[str, Any]:
    """Writes until standard input is closed."""
    stopped = threading.Event()
    of = processes * threads
    writers = [Writer(process * threads + number, of, **options) for number in range(threads)]
    running = [threading.Thread(target=writer.run, args=(stopped,)) for writer in writers]
    connections.close_all()
    for thread in running:
        thread.start()
    sys.stdin.read()
    stopped.set()
    for thread in running:
        thread.join()
    counts: Counter[str] = Counter()
    for writer in writers:
        counts += writer.counts
    return {
        "counts": counts,
        "committed": [tag for writer in writers for tag in writer.committed],
        "undone": [tag for writer in writers for tag in writer.undone],
        "declined": {number: count for writer in writers for number, count in writer.payer.declined.items()},
    }


def truth(people: list[dict[str, Any]], orders: list[int]) -> dict[str, Any]:
    """What the log holds for each reader since it began, each inbox, how orders ended, and the log as a whole."""
    while not log.is_sequenced():
        # Left to the tails of the servers: that they do it is part of what is tried.
        time.sleep(0.1)
    users = User.objects.in_bulk([person["user"] for person in people])
    found = []
    for person in people:
        user = users[person["user"]]
        order = person["order"]
        channels = [f"order:{order}"] if order else list(subscriptions.channels_of(user))
        events = Event.objects.filter(channel__in=channels, position__gt=person["began_at"]).order_by("position")
        poisoned, kept = Q(key__startswith=POISON), Q(retracted_at=None)
        parts = {
            "positions": events.filter(kept).exclude(poisoned),
            "retracted": events.exclude(kept),
            "poison": events.filter(poisoned),
        }
        lists = {name: list(part.values_list("position", flat=True)) for name, part in parts.items()}
        unread = inbox.unread_count(user)
        found.append({"user": user.pk, "order": order, **lists, "inbox": snapshot(user), "unread": unread})
    tagged = Event.objects.filter(kind="torture").values_list("data", flat=True)
    return {
        "people": found,
        "positions": list(Event.objects.order_by("position").values_list("position", flat=True)),
        "head": log.head(),
        "retracted": Event.objects.exclude(retracted_at=None).count(),
        "poison": Event.objects.filter(key__startswith=POISON).count(),
        "orders": {number: outcome_of(number) for number in orders},
        "tags": list({data["tag"] for data in tagged}),
    }


if __name__ == "__main__":
    task = json.loads(sys.stdin.readline())
    tasks: dict[str, Callable[..., dict[str, Any]]] = {"prepare": prepare, "write": write, "truth": truth}
    done = tasks[sys.argv[1]](**task)
    sys.stdout.write(json.dumps(done))
