"""`manage.py seed_demo`: makes the demo's users, products and posts that are missing."""

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from tqdm import tqdm

from blog.models import Follow, Post
from config import demo
from config.crowd import BATCH, make_followers
from orders.models import Currency, Product

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
    help = "Makes the demo's people (password: demo), products and posts. Running it again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--followers", type=int, default=0, help="further followers of `author` (up to 5 million)")

    def handle(self, *, followers: int, **options: Any) -> None:
        """Makes the rows that are missing and prints the accounts."""
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
            with tqdm(total=followers, unit="follower", disable=followers < BATCH) as progress:
                for made in make_followers(people["author"], followers):
                    progress.update(made)
        for person in demo.PEOPLE:
            self.stdout.write(f"{person.username:10} password {person.password:6} {person.role}")

    def make_person(self, person: demo.Person) -> Any:
        """Returns the account, and makes it if it is missing."""
        user, created = get_user_model().objects.get_or_create(username=person.username)
        if created:
            user.set_password(person.password)
            # A reserved domain: no mail server can exist for it (RFC 2606).
            user.email = f"{person.username}@tidings.example"
            user.is_staff = user.is_superuser = person.username == "admin"
            user.save()
        return user
