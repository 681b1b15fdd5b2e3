"""Amounts and numbers come in one form."""

from decimal import Decimal

import pytest

from notifications import subscriptions
from orders.models import Order, Product
from orders.money import amount_of
from tests.support.people import order, person, product

OTHER_FORMS = [
    "1.45e1",
    "145E-1",
    "١٤.٥٠",
    "１４.５０",
    "1_4.50",
    "+14.50",
    "14.500",
    "014.50",
    "14,50",
    "NaN",
    "Infinity",
    "1e1",
]


@pytest.mark.parametrize(
    ("text", "amount"),
    [("14.50", "14.50"), ("14.5", "14.50"), ("14", "14"), ("0.01", "0.01"), ("9999999999.99", "9999999999.99")],
)
def test_an_amount_is_read(text, amount):
    assert amount_of(text) == Decimal(amount)


@pytest.mark.parametrize("text", [*OTHER_FORMS, "", " 14.50", "14.50\n", "-1", "0", "0.00", "10000000000", "1.", ".5"])
def test_an_amount_in_another_form_is_none(text):
    with pytest.raises(ValueError, match="an amount is"):
        amount_of(text)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("text", OTHER_FORMS)
def test_the_admin_takes_amounts_in_no_other_form(admin_client, text):
    alice, bob = person("alice"), person("bob")
    mug = product(alice)
    fields = {"seller": alice.pk, "name": "Cup", "description": "", "price": text, "currency": "EUR"}
    assert admin_client.post("/admin/orders/product/add/", fields).status_code == 200
    fields = {"buyer": bob.pk, "product": mug.pk, "amount": text, "currency": ""}
    assert admin_client.post("/admin/orders/order/add/", fields).status_code == 200
    assert Product.objects.get() == mug
    assert not Order.objects.exists()
    assert admin_client.post("/admin/orders/order/add/", {**fields, "amount": "14.5"}).status_code == 302
    assert Order.objects.get().amount == Decimal("14.50")


@pytest.mark.django_db(transaction=True)
def test_an_order_has_one_channel(bob):
    placed = order(bob, product(person("alice")))
    number = str(placed.number)
    assert subscriptions.can_read(bob, f"order:{number}")
    eastern = number.translate({ord("0") + digit: 0x0660 + digit for digit in range(10)})
    for other in (eastern, f"0{number}", f"+{number}", f" {number}", f"{number}\n", f"{number}.0", "0", "", "9" * 30):
        assert not subscriptions.can_read(bob, f"order:{other}")
