"""A save of an order becomes rows of the log: whom, what, once, and in the same transaction."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core import serializers
from django.db import IntegrityError, transaction
from django.utils import timezone

from notifications import inbox, log
from notifications.models import Event
from orders import notifiers, payments
from orders.models import Order, Payment, Status
from tests.support.people import order, product

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def mug(alice):
    return product(alice)


def told(channel: str | None = None) -> list[str]:
    return [event.kind for event in log.read(0) if event.channel == (channel or event.channel)]


def test_placing_an_order_tells_the_seller(alice, bob, mug):
    placed = order(bob, mug)
    (event,) = log.read(0)
    assert (event.channel, event.kind, event.url) == (f"seller:{alice.pk}", "order.placed", f"/orders/{placed.number}/")
    assert event.data == {
        "number": placed.number,
        "buyer": "bob",
        "product": "Mug",
        "amount": "12.50",
        "currency": "EUR",
    }
    assert event.position == 1


def test_saving_the_order_again_tells_nothing_new(bob, mug):
    placed = order(bob, mug)
    placed.save()
    Order.objects.get(number=placed.number).save()
    assert told() == ["order.placed"]


def test_an_order_is_saved_with_its_event_or_not_at_all(bob, mug, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError

    monkeypatch.setattr(log, "append_all", fail)
    with pytest.raises(RuntimeError):
        order(bob, mug)
    assert not Order.objects.exists()


def test_a_rolled_back_order_leaves_no_trace(bob, mug):
    with pytest.raises(RuntimeError), transaction.atomic():
        order(bob, mug)
        raise RuntimeError
    assert not Order.objects.exists()
    assert not Event.objects.exists()


def test_loading_a_fixture_tells_nobody(bob, mug):
    text = serializers.serialize("json", [Order(buyer=bob, product=mug, amount=1, expires_at=timezone.now(), number=7)])
    for loaded in serializers.deserialize("json", text):
        loaded.save()
    assert Order.objects.filter(number=7).exists()
    assert told() == []


def test_paying_tells_the_seller_the_buyer_and_the_payment_page(alice, bob, mug):
    placed = order(bob, mug)
    with transaction.atomic():
        assert payments.settle(placed, Status.PAID)
        notifiers.order_paid(placed)
    assert told(f"seller:{alice.pk}") == ["order.placed", "order.paid"]
    assert told(f"user:{bob.pk}") == ["payment.succeeded"]
    message, finish = log.read(0, channels=[placed.channel])
    assert message.kind == "payment.succeeded"
    assert (finish.kind, finish.data["outcome"], finish.url) == ("finish", "paid", f"/orders/{placed.number}/done/")


def test_an_order_saved_as_paid_is_told_once(bob, mug):
    placed = order(bob, mug)
    placed.status, placed.paid_at = Status.PAID, timezone.now()
    placed.save()
    placed.save()
    notifiers.order_paid(placed)
    assert told().count("order.paid") == 1


def test_an_order_that_ended_and_is_saved_again_after_pruning_tells_no_one(bob, mug):
    placed = order(bob, mug)
    placed.status, placed.paid_at = Status.PAID, timezone.now()
    placed.save()
    assert told().count("finish") == 1
    log.prune(timedelta(0))
    placed.save()
    placed.save(update_fields=["status"])
    again = Order.objects.get(number=placed.number)
    again.amount += 1
    again.save()
    Order.objects.defer("status").get(number=placed.number).save()
    assert told() == []


def test_an_order_that_is_deleted_leaves_the_inboxes_of_seller_and_buyer(alice, bob, mug):
    placed, other = order(bob, mug), order(bob, mug)
    for each in (placed, other):
        each.expires_at = timezone.now() - timedelta(seconds=1)
        each.save()
    payments.expire_overdue()
    assert (inbox.unread_count(alice), inbox.unread_count(bob)) == (4, 2)
    Order.objects.get(number=placed.number).delete()
    assert {item.data["number"] for reader in (alice, bob) for item in inbox.items(reader)} == {other.number}
    assert (inbox.unread_count(alice), inbox.unread_count(bob)) == (2, 1)


def test_orders_made_in_bulk_are_told_by_the_documented_call(alice, bob, mug):
    now = timezone.now()
    Order.objects.bulk_create(
        [Order(buyer=bob, product=mug, amount=Decimal(1), currency="EUR", expires_at=now, number=n) for n in (501, 502)]
    )
    assert told() == []
    made = Order.objects.select_related("product", "buyer").order_by("number")
    notifiers.order_placed(*made)
    notifiers.order_placed(*made)
    assert [event.data["number"] for event in log.read(0)] == [501, 502]


def test_orders_changed_by_update_are_told_by_the_documented_call(bob, mug):
    placed = order(bob, mug)
    Order.objects.update(status=Status.PAID, paid_at=timezone.now())
    assert told() == ["order.placed"]
    notifiers.order_paid(Order.objects.get(number=placed.number))
    assert "order.paid" in told()


def test_a_pending_order_ends_in_one_way_only(bob, mug):
    placed = order(bob, mug)
    stale = Order.objects.get(number=placed.number)
    assert payments.settle(placed, Status.PAID)
    assert not payments.settle(stale, Status.EXPIRED)
    assert stale.status == Status.PAID


def test_an_order_expires_once_its_window_is_over(alice, bob, mug):
    placed = order(bob, mug)
    assert not payments.expire(placed)
    placed.expires_at = timezone.now() - timedelta(seconds=1)
    placed.save(update_fields=["expires_at"])
    stale = Order.objects.get(number=placed.number)
    assert payments.expire_overdue() == 1
    assert not payments.expire(stale)
    assert told(f"seller:{alice.pk}") == ["order.placed", "order.expired"]
    assert told(placed.channel) == ["payment.expired", "finish"]


def test_the_order_takes_price_currency_and_window_from_product_and_settings(bob, alice, settings):
    settings.PAYMENT_WINDOW_SECONDS = 90
    placed = order(bob, product(alice, price=Decimal("128.00"), currency="CNY"))
    assert (placed.amount, placed.currency) == (Decimal("128.00"), "CNY")
    assert placed.expires_at - placed.placed_at == timedelta(seconds=90)


def test_the_database_holds_what_must_hold(alice, bob, mug):
    placed = order(bob, mug)
    for wrong in ({"amount": Decimal(0)}, {"amount": Decimal(-1)}, {"status": "lost"}, {"status": "paid"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Order.objects.filter(number=placed.number).update(**wrong)
    with pytest.raises(IntegrityError), transaction.atomic():
        product(alice, price=Decimal(0))
    payment = {"order": placed, "outcome": "succeeded", "amount": Decimal("12.50"), "currency": "EUR", "applied": True}
    Payment.objects.create(report_id="a", **payment)
    for again in ({"report_id": "b"}, {"report_id": "a", "applied": False}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Payment.objects.create(**payment | again)


def test_order_numbers_do_not_begin_at_one(bob, mug):
    assert order(bob, mug).number > 1000
