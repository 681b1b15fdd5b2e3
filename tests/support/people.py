"""The cast of the tests: alice sells and writes, bob buys and follows, charlie is a stranger to both."""

from decimal import Decimal

from django.contrib.auth.models import User

from orders.models import Order, Product


def person(name: str) -> User:
    """Makes a person; without a password, since hashing one takes longer than most tests."""
    return User.objects.create_user(name)


def product(seller: User, **fields) -> Product:
    """Makes a product."""
    return Product.objects.create(**{"seller": seller, "name": "Mug", "price": Decimal("12.50"), **fields})


def order(buyer: User, of: Product, **fields) -> Order:
    """Places an order."""
    return Order.objects.create(buyer=buyer, product=of, **fields)
