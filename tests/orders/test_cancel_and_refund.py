"""A buyer cancels an order that is not paid; a seller marks one as refunded."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone, translation

from notifications import inbox, log
from orders import payments
from orders.dashboard import day_of
from orders.demo import simulator, wallet
from orders.models import Order, Payment, Status
from orders.payments.providers import Report
from tests.support.people import order, person, product

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def placed(alice, bob):
    return order(bob, product(alice))


def told(channel: str) -> list[str]:
    return [event.kind for event in log.read(0, channels=[channel])]


def report(of: Order, name: str = "msg_1", *, succeeded: bool = True) -> Report:
    return Report(name, of.number, succeeded, of.amount, of.currency)


def test_a_buyer_cancels_an_order_and_both_sides_and_the_payment_page_learn_it(client, placed, alice, bob):
    client.force_login(bob)
    for path in ("", "pay/"):
        assert (
            f'action="/orders/{placed.number}/cancel/"'
            in client.get(f"/orders/{placed.number}/{path}").content.decode()
        )
    answer = client.post(f"/orders/{placed.number}/cancel/", follow=True)
    assert answer.redirect_chain == [(f"/orders/{placed.number}/done/", 302)]
    assert 'data-outcome="cancelled"' in answer.content.decode()
    assert f"/orders/{placed.number}/cancel/" not in client.get(f"/orders/{placed.number}/").content.decode()
    assert Order.objects.get().status == Status.CANCELLED
    assert told(f"seller:{alice.pk}") == ["order.placed", "order.cancelled"]
    assert told(f"user:{bob.pk}") == ["payment.cancelled"]
    message, finish = log.read(0, channels=[placed.channel])
    assert (message.kind, finish.kind, finish.data["outcome"]) == ("payment.cancelled", "finish", "cancelled")
    page = client.get(f"/orders/{placed.number}/pay/", follow=True)
    assert page.redirect_chain == [(f"/orders/{placed.number}/done/", 302)]
    assert 'data-outcome="cancelled"' in page.content.decode()


def test_an_order_is_cancelled_once(client, placed, bob):
    client.force_login(bob)
    client.post(f"/orders/{placed.number}/cancel/")
    answer = client.post(f"/orders/{placed.number}/cancel/", follow=True)
    assert f"Order {placed.number} can no longer be cancelled: cancelled." in answer.content.decode()
    assert told(f"user:{bob.pk}") == ["payment.cancelled"]


@pytest.mark.parametrize("ended", ["paid", "expired"])
def test_an_order_that_has_ended_cannot_be_cancelled(client, placed, bob, ended):
    if ended == "paid":
        payments.apply_all([report(placed)])
    else:
        Order.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    client.force_login(bob)
    answer = client.post(f"/orders/{placed.number}/cancel/", follow=True)
    assert f"can no longer be cancelled: {ended}." in answer.content.decode()
    assert Order.objects.get().status == ended


def test_money_that_arrives_after_the_cancellation_is_due_for_refund_and_a_failure_changes_nothing(placed, bob):
    assert payments.cancel(placed)
    late, failed = payments.apply_all([report(placed), report(placed, "msg_2", succeeded=False)])
    assert isinstance(late, payments.Result)
    assert isinstance(failed, payments.Result)
    assert (late.effect, failed.effect) == (payments.Effect.REFUND_DUE, payments.Effect.UNCHANGED)
    assert Order.objects.get().status == Status.CANCELLED
    assert told(f"user:{bob.pk}") == ["payment.cancelled", "payment.refund_due"]
    assert told(placed.channel) == ["payment.cancelled", "finish"]


def test_of_a_cancellation_and_a_payment_at_the_same_moment_one_wins(alice, bob):
    mug = product(alice)
    placed = [order(bob, mug) for _ in range(15)]

    def cancel(each: Order) -> bool:
        try:
            return payments.cancel(Order.objects.select_related("product", "buyer").get(pk=each.pk))
        finally:
            connections.close_all()

    def pay(each: Order) -> payments.Effect:
        try:
            [result] = payments.apply_all([report(each, f"msg_{each.pk}")])
            assert isinstance(result, payments.Result)
            return result.effect
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        pairs = [(each, pool.submit(cancel, each), pool.submit(pay, each)) for each in placed]
    for each, cancelled, paid in pairs:
        each.refresh_from_db()
        if cancelled.result():
            assert (each.status, paid.result()) == (Status.CANCELLED, payments.Effect.REFUND_DUE)
        else:
            assert (each.status, paid.result()) == (Status.PAID, payments.Effect.APPLIED)
        assert told(each.channel)[-1] == "finish"
        assert len(told(each.channel)) == 2


def test_a_seller_marks_a_paid_order_as_refunded_and_both_sides_learn_it(client, placed, alice, bob):
    payments.apply_all([report(placed)])
    page = told(placed.channel)
    client.force_login(alice)
    assert f'action="/orders/{placed.number}/refund/"' in client.get(f"/orders/{placed.number}/").content.decode()
    answer = client.post(f"/orders/{placed.number}/refund/", follow=True)
    assert f"Order {placed.number} is marked as refunded." in answer.content.decode()
    assert f"/orders/{placed.number}/refund/" not in answer.content.decode()
    refunded = Order.objects.get()
    assert refunded.status == Status.REFUNDED
    assert None not in (refunded.paid_at, refunded.refunded_at)
    assert Payment.objects.get().refunded_at == refunded.refunded_at
    assert told(f"seller:{alice.pk}") == ["order.placed", "order.paid", "order.refunded"]
    assert told(f"user:{bob.pk}") == ["payment.succeeded", "payment.refunded"]
    # `finish` is the last event of a payment page.
    assert told(placed.channel) == page
    client.force_login(bob)
    assert 'data-outcome="refunded"' in client.get(f"/orders/{placed.number}/done/").content.decode()


@pytest.mark.parametrize("status", [Status.PENDING, Status.CANCELLED, Status.REFUNDED])
def test_what_is_not_paid_cannot_be_refunded(client, placed, alice, bob, status):
    if status == Status.CANCELLED:
        payments.cancel(placed)
    elif status == Status.REFUNDED:
        payments.apply_all([report(placed)])
        payments.refund(placed)
    before = told(f"user:{bob.pk}")
    client.force_login(alice)
    answer = client.post(f"/orders/{placed.number}/refund/", follow=True)
    assert f"Order {placed.number} cannot be refunded: {status.label}." in answer.content.decode()
    assert Order.objects.get().status == status
    assert told(f"user:{bob.pk}") == before


def test_a_seller_marks_late_money_as_refunded_on_the_orders_page(client, placed, alice, bob):
    payments.cancel(placed)
    payments.apply_all([report(placed), report(placed, "msg_2")])
    client.force_login(alice)
    first, second = Payment.objects.order_by("pk")
    url = f"/orders/{placed.number}/payments/{first.pk}/refund/"
    assert f'action="{url}"' in client.get(f"/orders/{placed.number}/").content.decode()
    assert "The payment is marked as refunded." in client.post(url, follow=True).content.decode()
    assert "This payment is not due for refund." in client.post(url, follow=True).content.decode()
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.refund_due, second.refund_due) == (False, True)
    assert first.refunded_at is not None
    assert told(f"user:{bob.pk}")[-3:] == ["payment.refund_due", "payment.refund_due", "payment.refunded"]
    other = order(bob, placed.product)
    assert client.post(f"/orders/{other.number}/payments/{second.pk}/refund/").status_code == 404


@pytest.mark.parametrize("path", ["cancel/", "refund/", "payments/{payment}/refund/"])
def test_strangers_can_neither_cancel_nor_refund(client, placed, alice, bob, charlie, path):
    twice = [report(placed), report(placed, "msg_2")] if "refund" in path else []
    payments.apply_all(twice)
    due = Payment.objects.filter(refund_due=True).first()
    url = f"/orders/{placed.number}/" + path.format(payment=due.pk if due else 0)
    before = Order.objects.get().status
    assert client.post(url)["Location"].startswith("/accounts/login/")
    mine, others = (bob, (alice, charlie)) if path == "cancel/" else (alice, (bob, charlie))
    for stranger in others:
        client.force_login(stranger)
        assert client.post(url).status_code == 404
        assert f'action="{url}"' not in client.get(f"/orders/{placed.number}/").content.decode()
    client.force_login(mine)
    assert client.get(url).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(mine)
    assert strict.post(url).status_code == 403
    assert Order.objects.get().status == before
    assert Payment.objects.filter(refund_due=True).count() == len(twice) // 2


def test_the_code_of_a_cancelled_order_is_no_longer_valid(client, placed, settings):
    settings.PAYMENT_DEMO_WALLET = True
    url = f"/pay/{wallet.token(placed)}/"
    payments.cancel(placed)
    answer = client.get(url)
    assert answer.status_code == 410
    assert "The order was cancelled." in answer.content.decode()
    assert client.post(url, {"decision": "confirm"}).status_code == 410
    assert not Payment.objects.exists()


def test_refunded_orders_are_no_takings(placed, alice):
    payments.apply_all([report(placed)])
    assert (day_of(alice).paid, len(day_of(alice).takings)) == (1, 1)
    payments.refund(placed)
    assert (day_of(alice).paid, day_of(alice).takings) == (0, [])


def test_an_order_saved_with_its_new_status_is_told_like_one_that_was_moved(placed, alice, bob):
    placed.status, placed.paid_at = Status.PAID, timezone.now()
    placed.save()
    placed.status, placed.refunded_at = Status.REFUNDED, timezone.now()
    placed.save()
    placed.save()
    cancelled = order(bob, placed.product)
    cancelled.status = Status.CANCELLED
    cancelled.save()
    assert told(f"seller:{alice.pk}") == [
        *("order.placed", "order.paid", "order.refunded"),
        *("order.placed", "order.cancelled"),
    ]


def test_the_admin_cancels_and_refunds_and_notifies_as_the_site_does(admin_client, placed, bob):
    paid = order(bob, placed.product)
    simulator.deliver(simulator.Message(paid), source="test")
    simulator.deliver(simulator.Message(paid), source="test")
    both = {"_selected_action": [placed.pk, paid.pk]}
    page = admin_client.post("/admin/orders/order/", {"action": "cancel_orders", **both}, follow=True)
    assert "1 order cancelled." in page.content.decode()
    page = admin_client.post("/admin/orders/order/", {"action": "mark_orders_refunded", **both}, follow=True)
    assert "1 order marked as refunded." in page.content.decode()
    assert list(Order.objects.order_by("pk").values_list("status", flat=True)) == ["cancelled", "refunded"]
    due = {"_selected_action": list(Payment.objects.values_list("pk", flat=True))}
    page = admin_client.post("/admin/orders/payment/", {"action": "mark_refunded", **due}, follow=True)
    assert "1 payment marked as refunded." in page.content.decode()
    assert told(f"user:{bob.pk}").count("payment.refunded") == 2


def test_buyers_read_it_in_their_language(client, placed, bob):
    payments.cancel(placed)
    with translation.override("zh-hans"):
        assert [item.title for item in inbox.page(bob, 10)[0]] == [f"您的订单 {placed.number} 已取消"]
    client.force_login(bob)
    page = client.get(f"/orders/{placed.number}/done/", headers={"accept-language": "zh-hans"}).content.decode()
    assert "订单已取消" in page


def test_the_order_page_of_another_seller_shows_nothing_to_refund(client, placed):
    payments.apply_all([report(placed)])
    client.force_login(person("dave"))
    assert client.get(f"/orders/{placed.number}/").status_code == 404
