"""A writer of a torture run: one connection, whose transactions overlap with those of the others."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable

from django.contrib.auth.models import User
from django.db import DatabaseError, connection, connections, transaction

from blog.models import Post
from notifications import inbox, log
from notifications.models import Event, Reading
from orders import payments
from orders.models import Order, Product
from tests.torture.paying import PAYS, Payer, place
from tests.torture.poison import insert_poison

# The newest events and posts, some of which are retracted.
RECENT = 20
# Positions of the inbox that people mark.
LOOKED_AT = 20


class Undone(Exception):
    """Rolls a transaction or a savepoint back."""


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
        # An order has one writer that sends the reports of its payment, so that what its page must show is known. The orders of
        # the beginning are shared out; other writers, who may have begun already, pay those that they place.
        self.payer = Payer(self.chance, list(Order.objects.order_by("number")[: len(self.readers[::PAYS])])[number::of])
        self.deeds: list[Callable[[], None]] = [self.append] * 6 + [self.pay] * 3 + [self.publish, self.retract] * 2
        self.deeds += [self.order, self.mark]

    def run(self, stopped: threading.Event) -> None:
        try:
            while not stopped.is_set():
                try:
                    self.chance.choice(self.deeds)()
                except Undone:
                    self.counts["rolled back"] += 1
                except DatabaseError as error:
                    # Whether it was committed is not known: neither is claimed.
                    self.counts["failed, deadlock" if "deadlock" in str(error) else "failed, database away"] += 1
                    connection.close()
                    stopped.wait(0.2)
                stopped.wait(self.chance.uniform(0, self.pause))
            self.payer.deliver_the_rest()
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
        events: list[Event] = []
        for _ in range(self.chance.choice([1, 2, 4, 8])):
            broadcast = self.chance.random() < 0.7
            channel = f"author:{self.chance.choice(self.authors).pk}"
            if not broadcast:
                channel = f"user:{self.chance.choice(self.readers).pk}"
            size = self.chance.choice([0, 0, 50, 200, 3000])
            # What has a key can be retracted.
            key = f"{tag}:{len(events)}" if self.chance.random() < 0.5 else None
            events.append(Event(channel=channel, kind="torture", key=key, data={"tag": tag, "text": "x" * size}))
        log.append_all(events)

    def poison(self) -> None:
        """Now and then writes a row that no reader can rely on."""
        if self.chance.random() < 0.1:
            insert_poison(self.chance, self.chance.choice(self.authors).pk, self.chance.choice(self.readers).pk)

    def append(self) -> None:
        tag = f"{self.name}-{sum(self.counts.values())}-{self.chance.randrange(10**9)}"
        # Claimed only once it is known what became of it: a COMMIT that fails says neither.
        try:
            with transaction.atomic():
                self.poison()
                self.some(tag)
                self.poison()
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
            buyer, product = self.chance.choice(self.readers), self.chance.choice(self.products)
            order = place(buyer, product)
            self.end()
        self.payer.take(order)
        self.counts["committed"] += 1

    def publish(self) -> None:
        with transaction.atomic():
            author = self.chance.choice(self.authors)
            title = f"{self.name} {self.chance.randrange(10**9)}"
            Post.objects.create(author=author, title=title, status=Post.Status.PUBLISHED)
            self.end()
        self.counts["committed"] += 1

    def pay(self) -> None:
        report = self.payer.next_report()
        if report is None:
            return
        with transaction.atomic():
            payments.apply_all([report])
            self.end()
        self.payer.delivered(report)
        self.counts["reports of payments"] += 1

    def retract(self) -> None:
        """Retracts what any process has written last, with or without a position, or what this transaction has written."""
        with transaction.atomic():
            way = self.chance.random()
            if way < 0.2:
                key = f"{self.name}-{self.chance.randrange(10**12)}"
                log.append(f"author:{self.chance.choice(self.authors).pk}", "torture", {"tag": key}, key=key)
                log.retract(key)
            elif way < 0.7:
                kept = Event.objects.filter(kind="torture", retracted_at=None, key__isnull=False).order_by("-id")
                keys = [key for key in kept.values_list("key", flat=True)[:RECENT] if key is not None]
                log.retract(*self.chance.sample(keys, min(len(keys), 3)) or ["none yet"])
            elif way < 0.8:
                log.retract(channel=f"user:{self.chance.choice(self.readers).pk}", kind="torture")
            elif posts := Post.objects.filter(status=Post.Status.PUBLISHED).order_by("-pk")[:RECENT]:
                self.withdraw(self.chance.choice(posts))
            self.end()
        self.counts["retractions"] += 1

    def withdraw(self, post: Post) -> None:
        """Takes back what followers were told of a post."""
        if self.chance.random() < 0.5:
            post.delete()
        else:
            post.status = Post.Status.DRAFT
            post.save()

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
