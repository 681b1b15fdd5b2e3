"""The dashboard: a seller's day, a buyer's orders, an author's readers, a reader's feed; each only its own."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from blog.models import Follow, Post
from notifications import preferences
from notifications.preferences import Quiet
from orders.dashboard import day_of
from orders.models import Order, Status
from tests.support.people import order, person, product

pytestmark = pytest.mark.django_db(transaction=True)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def cast():
    return person("alice"), person("bob"), person("charlie")


def placed(buyer, of, hour: int, status: str = Status.PENDING, day: int = 21, **fields) -> Order:
    at = datetime(2026, 11, day, hour, 30, tzinfo=UTC)
    paid_at = at if status == Status.PAID else None
    return order(
        buyer, of, placed_at=at, status=status, paid_at=paid_at, expires_at=at + timedelta(minutes=1), **fields
    )


def test_a_day_counts_what_was_placed_paid_and_expired(cast):
    alice, bob, _charlie = cast
    mug = product(alice)
    placed(bob, mug, 9, Status.PAID)
    placed(bob, mug, 9, Status.PAID, amount=Decimal("1000.00"))
    placed(bob, mug, 9, Status.EXPIRED)
    placed(bob, mug, 11, Status.PAID, amount=Decimal("7.00"), currency="CNY")
    placed(bob, mug, 11, Status.PAID, day=20)
    placed(bob, product(bob), 11, Status.PAID)
    day = day_of(alice, NOON)
    assert (day.placed, day.paid, day.expired) == (4, 3, 1)
    assert day.takings == ["7.00\u00a0CNY", "1,012.50\u00a0EUR"]
    assert {bar.hour: (bar.placed, bar.paid) for bar in day.bars if bar.placed} == {9: (3, 2), 11: (1, 1)}
    assert (day.busiest.hour, day.busiest.height, day.busiest.part_height) == (9, 120, 80)


def test_a_day_begins_at_midnight_in_the_active_time_zone(cast):
    alice, bob, _charlie = cast
    mug = product(alice)
    placed(bob, mug, 15, Status.PAID)
    placed(bob, mug, 16, Status.PAID)
    with timezone.override("Asia/Shanghai"):
        day = day_of(alice, datetime(2026, 11, 21, 17, tzinfo=UTC))
    # 23:30 of the day before, and 0:30.
    assert (day.placed, day.paid) == (1, 1)
    assert [bar.hour for bar in day.bars if bar.placed] == [0]


def test_a_day_takes_three_queries(cast, django_assert_num_queries):
    alice, bob, _charlie = cast
    mug = product(alice)
    for hour in range(5):
        placed(bob, mug, hour, Status.PAID)
    with django_assert_num_queries(3):
        day_of(alice, NOON)


def test_an_empty_day_is_drawn_without_a_plot(client, cast):
    alice, bob, _charlie = cast
    mug = product(alice)
    client.force_login(alice)
    assert b'<svg class="plot"' not in client.get("/").content
    order(bob, mug)
    assert b'<svg class="plot"' in client.get("/").content


def test_the_plot_is_the_same_drawing_in_every_language(client, cast):
    """Commas for decimal points would be no SVG."""
    alice, bob, _charlie = cast
    mug = product(alice)
    for status in (Status.PAID, Status.PENDING, Status.PENDING):
        paid_at = timezone.now() if status == Status.PAID else None
        order(bob, mug, status=status, paid_at=paid_at)
    client.force_login(alice)
    page = client.get("/", headers={"Accept-Language": "zh-hans"}).content.decode()
    assert 'height="40.0"' in page


def test_each_sees_what_is_theirs(client, cast):
    alice, bob, charlie = cast
    mug = product(alice)
    order(bob, mug)
    Follow.objects.create(follower=bob, author=alice)
    Post.objects.create(author=alice, title="Hello", status=Post.Status.PUBLISHED)
    Post.objects.create(author=alice, title="Secret plans")
    regions = ("seller-day", "buyer-orders", "reading-feed", "author-card")
    seen = {}
    for reader in cast:
        client.force_login(reader)
        page = client.get("/").content.decode()
        seen[reader] = {region for region in regions if f'id="{region}"' in page}
        assert "Secret plans" not in page
    assert seen == {alice: {"seller-day", "author-card"}, bob: {"buyer-orders", "reading-feed"}, charlie: set()}
    client.force_login(alice)
    context = client.get("/").context
    authored = context["authored"]
    assert (authored.followers, authored.followers_today, authored.post_count, authored.draft_count) == (1, 1, 1, 1)


def test_the_seller_sees_the_day_of_the_own_time_zone(client, cast):
    alice, bob, _charlie = cast
    mug = product(alice)
    preferences.save(alice, preferences.checked({}, Quiet(zone="Pacific/Kiritimati")))
    made = order(bob, mug)
    client.force_login(alice)
    (bar,) = (bar for bar in client.get("/").context["day"].bars if bar.placed)
    assert bar.hour == (made.placed_at + timedelta(hours=14)).hour
