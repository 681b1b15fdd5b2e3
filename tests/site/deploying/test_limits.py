"""Limits through a real nginx: they count its clients, and never what a client says of itself."""

import re
from decimal import Decimal

import httpx

from orders.demo.simulator import Message
from orders.models import Order
from orders.payments.callbacks import limit
from tests.site.deploying.test_nginx import Front, behind  # noqa: F401  a fixture
from tests.support.services import Site

JSON = {"Content-Type": "application/json"}


def client_at(front: Front, address: str) -> httpx.Client:
    """A client that nginx sees at an address of the loopback network."""
    transport = httpx.HTTPTransport(local_address=address, verify=front.trusts)
    return httpx.Client(base_url=front.url, transport=transport, trust_env=False, headers={"Referer": front.url})


def log_in(client: httpx.Client, password: str) -> int:
    page = client.get("/accounts/login/")
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert token is not None
    data = {"username": "buyer", "password": password, "csrfmiddlewaretoken": token[1]}
    # Spoofed: believed, it would make each attempt another client's.
    headers = {"X-Forwarded-For": f"203.0.113.{len(password)}"}
    return client.post("/accounts/login/", data=data, headers=headers).status_code


def placed_by(buyer: httpx.Client, site: Site) -> Order:
    """Places an order, and reads from its page what a payment provider is given."""
    number = int(site.manage("place_order").stdout)
    shown = re.search(r"(\d+\.\d\d)\u00a0([A-Z]{3})", buyer.get(f"/orders/{number}/").text)
    assert shown is not None
    return Order(number=number, amount=Decimal(shown[1]), currency=shown[2])


def test_wrong_passwords_and_junk_from_one_client_hold_up_no_other(demo_site: Site, behind):  # noqa: F811
    server = demo_site.serve()
    front = behind([server.port, server.port])
    with client_at(front, "127.0.0.2") as stranger, client_at(front, "127.0.0.3") as other:
        for number in range(10):
            assert log_in(stranger, "x" * (number + 1)) == 200
        # The right one comes too late for the stranger, and in time for the other.
        assert log_in(stranger, "demo") == 200
        assert log_in(other, "demo") == 302

        order = placed_by(other, demo_site)
        answers = [
            stranger.post(
                "/payments/callback/", content=b"{}", headers=JSON | {"X-Forwarded-For": f"203.0.113.{each % 250}"}
            )
            for each in range(limit().most + 1)
        ]
        assert {answer.status_code for answer in answers[:-1]} <= {400, 401}
        assert answers[-1].status_code == 429
        assert other.post("/payments/callback/", content=b"{}", headers=JSON).status_code in (400, 401)
        headers, body = Message(order).signed()
        answer = stranger.post("/payments/callback/", content=body, headers=headers)
        assert (answer.status_code, answer.text) == (200, "success")
