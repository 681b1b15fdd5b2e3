"""The shop's pages, as their owners and as strangers see them."""

import pytest
from django.utils import timezone

from orders.demo import simulator
from orders.models import Order, Status
from tests.support.people import order, person, product

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cast():
    return person("alice"), person("bob"), person("charlie")


def test_ordering_leads_to_the_payment_page(client, cast):
    alice, bob, _charlie = cast
    mug = product(alice)
    client.force_login(bob)
    answer = client.post(f"/products/{mug.pk}/order/", follow=True)
    placed = Order.objects.get()
    assert answer.redirect_chain == [(f"/orders/{placed.number}/pay/", 302)]
    assert (placed.buyer, placed.amount) == (bob, mug.price)
    page = answer.content.decode()
    assert f'data-payment-stream="/orders/{placed.number}/events/"' in page
    assert "http-equiv" in page  # what refreshes the page where there is no script


@pytest.mark.parametrize("path", ["", "pay/", "done/"])
def test_an_order_does_not_exist_for_strangers(client, cast, path):
    alice, bob, charlie = cast
    placed = order(bob, product(alice))
    url = f"/orders/{placed.number}/{path}"
    assert client.get(url)["Location"].startswith("/accounts/login/")
    client.force_login(charlie)
    assert client.get(url).status_code == 404


def test_the_seller_sees_the_order_but_not_the_payment_page(client, cast):
    alice, bob, _charlie = cast
    placed = order(bob, product(alice))
    client.force_login(alice)
    assert client.get(f"/orders/{placed.number}/").status_code == 200
    assert client.get(f"/orders/{placed.number}/pay/").status_code == 404


@pytest.mark.parametrize("status", [Status.PAID, Status.EXPIRED])
def test_a_payment_page_opened_late_leads_on_at_once(client, cast, status):
    alice, bob, _charlie = cast
    placed = order(bob, product(alice))
    Order.objects.update(status=status, paid_at=timezone.now() if status == Status.PAID else None)
    client.force_login(bob)
    answer = client.get(f"/orders/{placed.number}/pay/", follow=True)
    assert answer.redirect_chain == [(f"/orders/{placed.number}/done/", 302)]
    assert answer.status_code == 200


def test_after_a_declined_attempt_the_payment_page_stays_with_its_code_and_says_so(client, cast, settings):
    settings.PAYMENT_DEMO_WALLET = True
    alice, bob, _charlie = cast
    placed = order(bob, product(alice))
    client.force_login(bob)
    assert "declined. You can" not in client.get(f"/orders/{placed.number}/pay/").content.decode()
    for attempt in (1, 2):
        assert simulator.deliver(simulator.Message(placed, succeeded=False), source="test").status == 200
        answer = client.get(f"/orders/{placed.number}/pay/")
        assert answer.status_code == 200
        page = answer.content.decode()
        assert f"Attempt {attempt} to pay was declined. You can try again." in page
        assert 'data-outcome="payment.declined"' in page
        assert "<svg" in page
    assert client.get(f"/orders/{placed.number}/done/")["Location"] == f"/orders/{placed.number}/pay/"


def test_a_page_that_looks_first_expires_the_order(client, cast):
    alice, bob, _charlie = cast
    placed = order(bob, product(alice))
    Order.objects.update(expires_at=timezone.now())
    client.force_login(bob)
    assert client.get(f"/orders/{placed.number}/pay/")["Location"] == f"/orders/{placed.number}/done/"
    placed.refresh_from_db()
    assert placed.status == Status.EXPIRED


def test_each_sees_the_own_orders_and_sales(client, cast):
    alice, bob, charlie = cast
    placed = order(bob, product(alice))
    for reader, mine, sales in ((alice, 0, 1), (bob, 1, 0), (charlie, 0, 0)):
        client.force_login(reader)
        assert len(client.get("/orders/").context["orders"]) == mine
        assert len(client.get("/sales/").context["orders"]) == sales
        assert (f"/orders/{placed.number}/" in client.get("/sales/").content.decode()) == bool(sales)


def test_ordering_is_a_post_by_somebody(client, cast):
    mug = product(cast[0])
    assert client.post(f"/products/{mug.pk}/order/")["Location"].startswith("/accounts/login/")
    client.force_login(cast[1])
    assert client.get(f"/products/{mug.pk}/order/").status_code == 405
    assert client.post("/products/999999/order/").status_code == 404
    assert client.post(f"/products/{10**30}/order/").status_code == 404
    assert not Order.objects.exists()


def test_a_list_that_looks_first_expires_the_orders_on_it(client, cast):
    alice, bob, _charlie = cast
    mug = product(alice)
    for path, reader in (("/orders/", bob), ("/sales/", alice)):
        placed = order(bob, mug)
        Order.objects.filter(number=placed.number).update(expires_at=timezone.now())
        client.force_login(reader)
        assert {row.status for row in client.get(path).context["orders"]} == {Status.EXPIRED}
