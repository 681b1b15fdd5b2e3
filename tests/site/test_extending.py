"""docs/extending.md, run as it is written."""

import hashlib
import hmac
import re

import pytest
from django.db import connection

from notifications.models import Event
from orders.models import Order, Status
from tests.support.asgi import Reader, cookies_of, run
from tests.support.people import order, person, product
from tests.support.registries import put_back
from tests.support.services import ROOT

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
SECTIONS = {
    section.partition("\n")[0]: re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    for section in re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]
}


@pytest.fixture(autouse=True)
def nothing_stays():
    """What the examples register is gone after each."""
    with put_back():
        yield


def follow(section: str) -> dict:
    """Runs a section's blocks; returns what they define."""
    names = {"alice": person("alice"), "bob": person("bob")}
    for number, block in enumerate(SECTIONS[section], 1):
        exec(compile(block, f"docs/extending.md, {section}, block {number}", "exec"), names)  # noqa: S102
    return names


def test_every_extension_point_has_examples():
    assert list(SECTIONS) == [
        "Notifiers",
        "Kinds",
        "Channels",
        "Streams of one thing",
        "Consumers",
        "Payment providers",
        "Preferences",
    ]
    assert all(SECTIONS.values())


@pytest.mark.parametrize("section", ["Notifiers", "Kinds", "Channels", "Consumers", "Preferences"])
def test_the_examples_do_what_they_say(section):
    asserted = sum(block.count("assert ") for block in SECTIONS[section])
    assert asserted >= 2, "an example that asserts nothing shows nothing"
    follow(section)
    assert not connection.in_atomic_block


def test_a_stream_of_one_thing_says_all_of_it_and_ends():
    names = follow("Streams of one thing")
    (route,) = names["routes"]
    cookie = cookies_of(names["alice"])

    def reader(number: int) -> Reader:
        address = f"/auctions/{number}/events/"
        made = Reader(route.callback, address, cookie)
        made.scope["url_route"] = {"kwargs": route.resolve(address[1:]).kwargs}
        return made

    async def scenario():
        late, nowhere = reader(5), reader(6)
        return await late.end(), await nowhere.end()

    late, nowhere = run(scenario)
    assert [kind for _position, kind in late.told()] == ["auction.bid", "auction.sold"]
    assert nowhere.status == 404


def test_a_provider_is_one_class_and_one_entry(client):
    names = follow("Payment providers")
    placed = order(names["bob"], product(names["alice"]))
    body = f"{placed.number} paid {placed.amount} {placed.currency}".encode()
    signature = hmac.new(names["Acme"].key, body, hashlib.sha256).hexdigest()

    def send(signature: str):
        headers = {"acme-signature": signature, "acme-id": "evt-1"}
        return client.post("/payments/callback/acme/", body, content_type="text/plain", headers=headers)

    assert send("wrong").status_code == 401
    assert Order.objects.get(pk=placed.pk).status == Status.PENDING
    answer = send(signature)
    assert (answer.status_code, answer.content) == (200, b"OK")
    assert send(signature).content == b"OK"
    assert Order.objects.get(pk=placed.pk).status == Status.PAID
    assert Event.objects.filter(kind="order.paid").count() == 1
