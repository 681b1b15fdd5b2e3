"""`manage.py place_order`: places demo orders; its last lines are the order numbers."""

import itertools
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from orders.models import Order, Product

MAX_ORDERS = 100_000
# From this number on there is a progress bar.
MANY = 100


class Command(BaseCommand):
    """Places orders, one transaction each."""

    help = "Places orders of a seller's products; prints their numbers, one a line."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--buyer", default="buyer", help="user name (default %(default)s)")
        parser.add_argument("--seller", default="seller", help="user name (default %(default)s)")
        parser.add_argument("--count", type=int, default=1, help="how many (default %(default)s)")

    def handle(self, *, buyer: str, seller: str, count: int, **options: Any) -> None:
        if not 1 <= count <= MAX_ORDERS:
            raise CommandError(f"--count must be from 1 to {MAX_ORDERS}")
        people = get_user_model().objects.in_bulk([buyer, seller], field_name="username")
        for name in (buyer, seller):
            if name not in people:
                raise CommandError(f"there is no user {name!r}; `manage.py seed_demo` makes the demo's people")
        products = list(Product.objects.filter(seller=people[seller]).select_related("seller"))
        if not products:
            raise CommandError(f"{seller!r} has no products; `manage.py seed_demo` makes some")
        wanted = itertools.islice(itertools.cycle(products), count)
        for product in tqdm(wanted, total=count, disable=count < MANY, unit="order"):
            order = Order.objects.create(buyer=people[buyer], product=product)
            self.stdout.write(str(order.number))
