"""A shop in the middle of a day, for pictures: orders by the hour, long names, some of it read, some of yesterday.

Made within the site: `manage.py shell -c "from tests.browser.busy_day import make; make()"` prints the orders to look at.
"""

import json
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.utils import timezone

from blog.models import Follow, Post
from notifications import inbox, log, preferences
from notifications.models import Event
from notifications.preferences import Quiet
from orders.models import Order, Product, Status
from orders.payments import apply_all, expire
from orders.payments.providers import Report

# Whoever looks at the pictures finds people at work in one of these.
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "America/Los_Angeles",
    "Asia/Shanghai",
    "Pacific/Auckland",
    "Asia/Kolkata",
)
LATE_AFTERNOON = 17
LONG_NAME = "alexandra.papadopoulou-montgomery"
BUYERS = ("buyer", "mia", "陈小林", LONG_NAME, "jonas")
LONG_PRODUCT = "Hand-carved serving tray of reclaimed Scandinavian oak with brass handles, extra long, second edition"
POSTS = (
    ("Brass, and how it ages", "We stopped lacquering the handles. In a year they are the colour of tea."),
    ("冬天的木工房", "一月里胶水干得慢。我们学会了提前安排，也学会了泡茶。"),
)
# Minutes before now, who buys what, and how it ends.
DAY = (
    (1500, 1, 1, "paid"),
    (1430, 4, 0, "expired"),
    (1400, 2, 3, "paid"),
    (520, 1, 0, "paid"),
    (470, 4, 1, "paid"),
    (420, 2, 3, "paid"),
    (300, 3, 4, "paid"),
    (290, 1, 2, "expired"),
    (260, 0, 2, "paid"),
    (240, 4, 1, "paid"),
    (200, 2, 1, "paid"),
    (190, 1, 1, "paid"),
    (130, 0, 0, "expired"),
    (95, 3, 3, "paid"),
    (40, 4, 2, "paid"),
    (12, 1, 1, "paid"),
    (3, 0, 0, "pending"),
    (2, 0, 1, "declined"),
)


def make() -> None:
    """Makes all of it, and prints an order of the buyer's for each way to end."""
    now = timezone.now()
    names = ("seller", "author", "follower", "newcomer", *BUYERS)
    people = {name: User.objects.get_or_create(username=name)[0] for name in names}
    for person in people.values():
        preferences.save(person, preferences.checked({}, Quiet(zone=zone_of_the_afternoon(now))))
    people["newcomer"].set_password("demo")
    people["newcomer"].save()
    Product.objects.create(seller=people["seller"], name=LONG_PRODUCT, price="1249.00", currency="EUR")
    products = list(Product.objects.order_by("pk"))
    told = {}
    for minutes, buyer, product, outcome in DAY:
        placed = Order.objects.create(buyer=people[BUYERS[buyer]], product=products[product])
        if people[BUYERS[buyer]].username == "buyer":
            told[outcome] = placed.number
        end(placed, outcome)
        moment = now - timedelta(minutes=minutes)
        paid_at = moment + timedelta(seconds=40) if outcome == "paid" else None
        expires_at = placed.expires_at if outcome in ("pending", "declined") else moment + timedelta(seconds=60)
        Order.objects.filter(pk=placed.pk).update(placed_at=moment, paid_at=paid_at, expires_at=expires_at)
        happened(f":{placed.number}:", moment)
        if minutes == 290:
            inbox.mark_all_read(people["seller"])
    Follow.objects.get_or_create(follower=people["buyer"], author=people["author"])
    for number, (title, body) in enumerate(POSTS, 1):
        post = Post.objects.create(author=people["author"], title=title, body=body, status=Post.Status.PUBLISHED)
        Post.objects.filter(pk=post.pk).update(published_at=now - timedelta(hours=3 - number))
        happened(f":{post.pk}", now - timedelta(hours=3 - number), kind="post.published")
    print(json.dumps(told))  # noqa: T201


def end(order: Order, outcome: str) -> None:
    """Lets an order end so."""
    if outcome == "expired":
        order.expires_at = order.placed_at
        Order.objects.filter(pk=order.pk).update(expires_at=order.expires_at)
        expire(order)
    elif outcome != Status.PENDING:
        report = Report(
            id=f"report-{order.number}",
            order_number=order.number,
            succeeded=outcome == Status.PAID,
            amount=order.amount,
            currency=order.currency,
        )
        apply_all([report])


def happened(key: str, moment: datetime, **which: str) -> None:
    """Moves what was told of something to when it was."""
    Event.objects.filter(key__contains=key, position__lte=log.head(), **which).update(created_at=moment)


def zone_of_the_afternoon(now: datetime) -> str:
    """Where it is late in the afternoon now: a day with its orders."""
    return min(ZONES, key=lambda name: abs(now.astimezone(ZoneInfo(name)).hour - LATE_AFTERNOON))
