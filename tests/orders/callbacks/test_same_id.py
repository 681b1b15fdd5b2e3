"""An id that comes again: a resend where the body is the same, another report's money where it is not."""

import json
import logging

import pytest

from orders.demo.simulator import Message
from orders.models import Callback, Order, Payment, Status
from orders.payments import callbacks, providers
from orders.payments.callbacks import Arrival
from orders.payments.providers import STANDARD, Report
from tests.orders.callbacks.sending import kinds, send
from tests.support.people import order

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_same_id_with_another_body_is_refused_stored_and_logged_as_an_error(client, placed, caplog):
    assert send(client, placed, id="msg_1", succeeded=False).status_code == 200
    before = kinds()
    with caplog.at_level(logging.WARNING, logger="orders"):
        answer = send(client, placed, id="msg_1")
    assert answer.status_code == 409
    assert "another body" in json.loads(answer.content)["error"]
    [record] = [
        record for record in caplog.records if record.levelno == logging.ERROR and record.name.startswith("orders")
    ]
    assert "msg_1" in record.getMessage()
    stored = Callback.objects.latest("pk")
    assert (stored.outcome, stored.status, stored.report_id) == ("refused", 409, "msg_1")
    assert json.loads(stored.body)["type"] == "payment.succeeded"
    assert Payment.objects.count() == 1
    assert Order.objects.get().status == Status.PENDING
    assert kinds() == before
    # What was taken stays a resend, and the money can be reported under an id of its own.
    assert send(client, placed, id="msg_1", succeeded=False).content == b"success"
    assert send(client, placed, id="msg_2").content == b"success"
    assert Order.objects.get().status == Status.PAID


@pytest.mark.parametrize("other", ["amount", "order", "no such order", "nothing but its length"])
def test_it_is_the_body_that_is_compared_whatever_differs_in_it(client, placed, other):
    send(client, placed, id="msg_1")
    data = {"order": placed.number, "amount": "12.50", "currency": "EUR"}
    match other:
        case "amount":
            data["amount"] = "0.01"
        case "order":
            data["order"] = order(placed.buyer, placed.product).number
        case "no such order":
            data["order"] = 999_999
    body = json.dumps({"type": "payment.succeeded", "data": data, "padding": "x" * 10_000})
    assert send(client, placed, id="msg_1", raw=body).status_code == 409
    # Signed by the provider: all of it is kept.
    assert Callback.objects.latest("pk").body == body
    assert Payment.objects.count() == 1


def test_two_bodies_with_one_id_in_one_batch_are_one_report_and_one_refusal(placed):
    same = Message(placed, id="msg_1")
    messages = [same, same, Message(placed, id="msg_1", succeeded=False)]
    arrivals = [Arrival(STANDARD, *message.signed(), "192.0.2.7") for message in messages]
    assert [answer.status for answer in callbacks.receive_all(arrivals)] == [200, 200, 409]
    assert Payment.objects.get().outcome == "succeeded"


def test_an_id_whose_callback_was_refused_may_come_again_put_right(client, placed):
    assert send(client, placed, id="msg_1", amount="0.01").status_code == 409
    assert send(client, placed, id="msg_1").status_code == 200
    assert Order.objects.get().status == Status.PAID


def test_a_payment_of_a_release_that_kept_no_digest_is_known_by_its_id(client, placed):
    send(client, placed, id="msg_1")
    Payment.objects.update(body_digest="")
    assert send(client, placed, id="msg_1", succeeded=False).content == b"success"
    assert Callback.objects.latest("pk").outcome == "duplicate"


def test_ids_are_each_providers_own(client, placed, monkeypatch):
    class Other:
        """Another provider, which counts its reports as the first one does."""

        name = "other"

        def verify(self, headers, body):
            return body.decode()

        def parse(self, callback_id, body):
            return Report(callback_id, placed.number, True, placed.amount, placed.currency)

        def answer(self):
            return "text/plain", "ok"

    monkeypatch.setitem(providers.PROVIDERS, "other", Other())
    assert send(client, placed, id="1", succeeded=False).status_code == 200
    for _ in range(2):
        answer = client.post("/payments/callback/other/", data="1", content_type="text/plain")
        assert (answer.status_code, answer.content) == (200, b"ok")
    assert Order.objects.get().status == Status.PAID
    assert set(Payment.objects.values_list("provider", "report_id")) == {("standard", "1"), ("other", "1")}
