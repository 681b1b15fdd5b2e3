"""The demo's wallet: whoever holds the code may pay, as long as the window lasts."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from orders.demo import wallet
from orders.models import Callback, Order, Status
from tests.support.people import order, person, product

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def demo(settings):
    settings.PAYMENT_DEMO_WALLET = True


@pytest.fixture
def placed():
    return order(person("bob"), product(person("alice")))


def address(placed: Order) -> str:
    return f"/pay/{wallet.token(placed)}/"


@pytest.mark.parametrize(
    ("decision", "status", "became"),
    [("confirm", Status.PAID, "applied"), ("decline", Status.PENDING, "declined")],
)
def test_a_decision_goes_the_way_of_a_callback_without_logging_in(client, placed, decision, status, became):
    page = client.get(address(placed))
    assert page.status_code == 200
    assert "12.50\u00a0EUR" in page.content.decode()
    answer = client.post(address(placed), {"decision": decision}, follow=True)
    assert answer.status_code == 200
    assert f'data-wallet="{status}"' in answer.content.decode()
    placed.refresh_from_db()
    assert placed.status == status
    assert (Callback.objects.get().source, Callback.objects.get().outcome) == ("wallet", became)


def test_who_declined_may_try_again_with_the_same_code(client, placed):
    for _attempt in range(2):
        answer = client.post(address(placed), {"decision": "decline"}, follow=True)
        assert "you can try again" in answer.content.decode()
        assert 'value="confirm"' in answer.content.decode()
    client.post(address(placed), {"decision": "confirm"})
    assert Order.objects.get().status == Status.PAID
    assert list(Callback.objects.order_by("pk").values_list("outcome", flat=True)) == ["declined"] * 2 + ["applied"]


def test_deciding_twice_decides_once(client, placed):
    client.post(address(placed), {"decision": "confirm"})
    client.post(address(placed), {"decision": "decline"})
    assert Order.objects.get().status == Status.PAID
    assert Callback.objects.count() == 1


def test_the_token_ends_with_the_window(client, placed):
    Order.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    for answer in (client.get(address(placed)), client.post(address(placed), {"decision": "confirm"})):
        assert answer.status_code == 410
    assert Order.objects.get().status == Status.EXPIRED


def test_a_made_up_or_altered_token_opens_nothing(client, placed):
    token = wallet.token(placed)
    for wrong in ("nonsense", token[:-1], token + "x", token.replace(":", ";"), str(placed.number)):
        assert client.get(f"/pay/{wrong}/").status_code == 404
        assert client.post(f"/pay/{wrong}/", {"decision": "confirm"}).status_code == 404
    assert Order.objects.get().status == Status.PENDING


def test_looking_decides_nothing_and_nonsense_neither(client, placed):
    client.get(address(placed), {"decision": "confirm"})
    assert client.post(address(placed), {"decision": "perhaps"}).status_code == 400
    assert client.post(address(placed)).status_code == 400
    assert Order.objects.get().status == Status.PENDING


def test_where_money_is_real_there_is_no_wallet(client, placed, settings):
    settings.PAYMENT_DEMO_WALLET = False
    assert client.post(address(placed), {"decision": "confirm"}).status_code == 404
    client.force_login(placed.buyer)
    page = client.get(f"/orders/{placed.number}/pay/").content.decode()
    assert "/pay/" not in page.replace(f"/orders/{placed.number}/pay/", "")
    assert "simulate_payment" not in page


def test_the_payment_page_shows_the_code_of_the_wallet_page(client, placed):
    client.force_login(placed.buyer)
    page = client.get(f"/orders/{placed.number}/pay/").content.decode()
    assert re.search(r'<svg[^>]*viewBox="0 0 \d+ \d+"', page)
    (shown,) = set(re.findall(r'href="http://testserver/pay/([^"/]+)/"', page))
    # Not compared with a token made here: a token carries the second of its making.
    assert wallet.order_for(shown) == placed
