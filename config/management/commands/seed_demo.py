"""`manage.py seed_demo`: makes the demo's people, products and posts; as often as one likes."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from tqdm import tqdm

from blog.models import Follow, Post
from blog.notifiers import author_channel
from config import demo
from notifications import log
from notifications.models import Subscription
from orders.models import Currency, Product

BATCH = 5000
MOST = 5_000_000

PRODUCTS = (
    ("Walnut desk organiser", "Oiled by hand, holds a phone, pens and the day's letters.", "39.00", Currency.EUR),
    ("Enamel coffee mug", "Holds 350 ml and a camping trip.", "14.50", Currency.EUR),
    ("Merino travel blanket", "Folds to the size of a book.", "89.00", Currency.USD),
    ("青瓷茶杯", "龙泉手工烧制，一杯一盏，各有不同。", "128.00", Currency.CNY),
)
POSTS = (
    ("Why we sand twice", "The first pass takes off the saw marks. The second one is for the hand that will hold it."),
    ("A workshop in winter", "Glue dries slowly in January. We have learned to plan for it, and to make tea."),
)


class Command(BaseCommand):
    """Seeds the demo."""

    help = "Makes the demo's people (password: demo), products and posts. Running it again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        """Adds the number of followers."""
        parser.add_argument("--followers", type=int, default=0, help="further followers of `author` (up to 5 million)")

    def handle(self, *, followers: int, **options: Any) -> None:
        """Makes what is missing and prints the accounts."""
        if not settings.DEBUG:
            raise CommandError("these accounts have a known password: they are made only where DEBUG is on")
        if not 0 <= followers <= MOST:
            raise CommandError(f"--followers must be from 0 to {MOST}")
        with transaction.atomic():
            people = {person.username: self.make_person(person) for person in demo.PEOPLE}
            for name, description, price, currency in PRODUCTS:
                Product.objects.get_or_create(
                    seller=people["seller"],
                    name=name,
                    defaults={"description": description, "price": Decimal(price), "currency": currency},
                )
            Follow.objects.get_or_create(follower=people["follower"], author=people["author"])
            for title, text in POSTS:
                Post.objects.get_or_create(
                    author=people["author"], title=title, defaults={"body": text, "status": Post.Status.PUBLISHED}
                )
        if followers:
            self.make_followers(people["author"], followers)
        for person in demo.PEOPLE:
            self.stdout.write(f"{person.username:10} password {person.password:6} {person.role}")

    def make_person(self, person: demo.Person) -> Any:
        """Returns the account, made if it is missing."""
        user, created = get_user_model().objects.get_or_create(username=person.username)
        if created:
            user.set_password(person.password)
            # A name that no mail server will ever find (RFC 2606).
            user.email = f"{person.username}@tidings.example"
            user.is_staff = user.is_superuser = person.username == "admin"
            user.save()
        return user

    def make_followers(self, author: Any, wanted: int) -> None:
        """Makes follower-1 … follower-N in bulk; bulk_create sends no signals, so their subscriptions are made here."""
        users = get_user_model().objects
        nobody = make_password(None)
        progress = tqdm(total=wanted, unit="follower", disable=wanted < BATCH)
        for first, last in batches(wanted):
            names = [f"follower-{number}" for number in range(first, last + 1)]
            with transaction.atomic():
                users.bulk_create(
                    [users.model(username=name, password=nobody) for name in names], ignore_conflicts=True
                )
                ids = list(users.filter(username__in=names).values_list("pk", flat=True))
                Follow.objects.bulk_create([Follow(follower_id=pk, author=author) for pk in ids], ignore_conflicts=True)
                since, channel = log.head(), author_channel(author.pk)
                Subscription.objects.bulk_create(
                    [Subscription(user_id=pk, channel=channel, since=since, read_through=since) for pk in ids],
                    ignore_conflicts=True,
                )
            progress.update(last - first + 1)
        progress.close()


def batches(wanted: int) -> Iterator[tuple[int, int]]:
    """Yields the first and last number of each batch from 1 to `wanted`."""
    for first in range(1, wanted + 1, BATCH):
        yield first, min(first + BATCH - 1, wanted)
