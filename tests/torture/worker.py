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
from django.db import DatabaseError, connection, connections, transaction  # noqa: E402

from blog.models import Follow, Post  # noqa: E402
from notifications import inbox, log, subscriptions  # noqa: E402
from notifications.models import Event, Reading  # noqa: E402
from notifications.testing import start_session  # noqa: E402
from orders.models import Order, Product  # noqa: E402

AUTHORS = 2
# One in so many has done something in the inbox before the run begins.
CHANGED = 5
# Positions of the inbox that people mark.
LOOKED_AT = 20


class Undone(Exception):
    """Rolls a transaction or a savepoint back."""


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
    cursor = log.head()
    people = [
        {"user": user.pk, "session": start_session(user), "cursor": cursor, "inbox": snapshot(user)} for user in users
    ]
    return {"people": people}


class Writer:
    """One connection that writes, in transactions that overlap with those of the others."""

    def __init__(self, number: int, of: int, seed: int, commit_delay: float, pause: float) -> None:
        self.chance = random.Random(f"{seed} writer {number}")
        self.name = f"w{number}"
        self.commit_delay, self.pause = commit_delay, pause
        self.counts: Counter[str] = Counter()
        self.committed: list[str] = []
        self.undone: list[str] = []
        self.authors = list(User.objects.filter(username__startswith="author-").order_by("pk"))
        self.readers = list(User.objects.filter(username__startswith="reader-").order_by("pk"))
        # What one person does to the inbox happens in one order: each person has one writer that does it.
        self.own = self.readers[number::of]
        self.products = list(Product.objects.select_related("seller"))
        self.deeds: list[Callable[[], None]] = [self.append] * 6 + [self.order, self.publish] * 2 + [self.mark]

    def run(self, stopped: threading.Event) -> None:
        try:
            while not stopped.is_set():
                try:
                    self.chance.choice(self.deeds)()
                except Undone:
                    self.counts["rolled back"] += 1
                except DatabaseError:
                    # Whether it was committed is not known: neither is claimed.
                    self.counts["failed, database away"] += 1
                    connection.close()
                    stopped.wait(0.2)
                stopped.wait(self.chance.uniform(0, self.pause))
        finally:
            connections.close_all()

    def end(self, *, may_die: bool = True) -> None:
        """The end of a transaction: late, perhaps in vain, perhaps without anybody to sequence it."""
        time.sleep(self.chance.uniform(0, self.commit_delay))
        fate = self.chance.random()
        if fate < 0.15:
            raise Undone
        if may_die and fate < 0.2:
            # A process that is killed between its commit and its sequencing.
            connection.run_on_commit.clear()
            self.counts["died before sequencing"] += 1

    def some(self, tag: str) -> None:
        """Appends a few events to channels that one, some or all readers hear."""
        events = []
        for _ in range(self.chance.choice([1, 2, 4, 8])):
            broadcast = self.chance.random() < 0.7
            channel = f"author:{self.chance.choice(self.authors).pk}"
            if not broadcast:
                channel = f"user:{self.chance.choice(self.readers).pk}"
            size = self.chance.choice([0, 0, 50, 200, 3000])
            events.append(Event(channel=channel, kind="torture", data={"tag": tag, "text": "x" * size}))
        log.append_all(events)

    def append(self) -> None:
        tag = f"{self.name}-{sum(self.counts.values())}-{self.chance.randrange(10**9)}"
        # Claimed only once it is known what became of it: a COMMIT that fails says neither.
        try:
            with transaction.atomic():
                self.some(tag)
                if self.chance.random() < 0.3:
                    inner = transaction.savepoint()
                    self.some(f"{tag}-inner")
                    transaction.savepoint_rollback(inner)
                    self.undone.append(f"{tag}-inner")
                self.end()
        except Undone:
            self.undone.append(tag)
            raise
        self.committed.append(tag)
        self.counts["committed"] += 1

    def order(self) -> None:
        with transaction.atomic():
            Order.objects.create(buyer=self.chance.choice(self.readers), product=self.chance.choice(self.products))
            self.end()
        self.counts["committed"] += 1

    def publish(self) -> None:
        with transaction.atomic():
            author = self.chance.choice(self.authors)
            title = f"{self.name} {self.chance.randrange(10**9)}"
            Post.objects.create(author=author, title=title, status=Post.Status.PUBLISHED)
            self.end()
        self.counts["committed"] += 1

    def mark(self) -> None:
        user = self.chance.choice(self.own)
        if not log.is_sequenced():
            log.sequence()
        with transaction.atomic():
            if self.chance.random() < 0.2:
                inbox.mark_all_read(user)
            else:
                positions = [event.position for event in inbox.items(user)[:LOOKED_AT] if event.position is not None]
                some = self.chance.sample(positions, min(3, len(positions)))
                inbox.change(user, some, self.chance.choice(list(Reading.State)))
            self.end(may_die=False)
        self.counts["inbox changed"] += 1


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
    }


def truth(people: list[dict[str, int]]) -> dict[str, Any]:
    """What the log holds for each reader since it began, each inbox, and what the log looks like as a whole."""
    while not log.is_sequenced():
        # Left to the tails of the servers: that they do it is part of what is tried.
        time.sleep(0.1)
    users = User.objects.in_bulk([person["user"] for person in people])
    found = []
    for person in people:
        user = users[person["user"]]
        events = Event.objects.filter(channel__in=subscriptions.channels_of(user), position__gt=person["began_at"])
        positions = list(events.order_by("position").values_list("position", flat=True))
        unread = inbox.unread_count(user)
        found.append({"user": user.pk, "positions": positions, "inbox": snapshot(user), "unread": unread})
    tagged = Event.objects.filter(kind="torture").values_list("data", flat=True)
    return {
        "people": found,
        "positions": list(Event.objects.order_by("position").values_list("position", flat=True)),
        "head": log.head(),
        "tags": list({data["tag"] for data in tagged}),
    }


if __name__ == "__main__":
    task = json.loads(sys.stdin.readline())
    tasks: dict[str, Callable[..., dict[str, Any]]] = {"prepare": prepare, "write": write, "truth": truth}
    done = tasks[sys.argv[1]](**task)
    sys.stdout.write(json.dumps(done))
