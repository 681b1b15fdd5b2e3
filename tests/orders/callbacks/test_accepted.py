"""Signed callbacks: what they do to an order."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from notifications import log
from orders import payments
from orders.demo.simulator import Message
from orders.models import Callback, Order, Payment, Status
from orders.payments import providers
from orders.payments.providers import Report
from tests.orders.callbacks.sending import URL, kinds, send

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_signed_callback_pays_the_order(client, placed):
    answer = send(client, placed, id="msg_1")
    assert (answer.status_code, answer.content, answer["Content-Type"]) == (200, b"success", "text/plain")
    placed.refresh_from_db()
    assert placed.status == Status.PAID
    assert placed.paid_at is not None
    payment = Payment.objects.get()
    assert (payment.report_id, payment.applied, payment.refund_due) == ("msg_1", True, False)


def test_every_callback_is_stored_as_it_came_with_what_became_of_it(client, placed):
    message = Message(placed, id="msg_1")
    for _ in range(2):
        signed, body = message.signed()
        client.post(URL, data=body, content_type=signed.pop("content-type"), headers=signed)
    first, second = Callback.objects.order_by("pk")
    assert (first.outcome, second.outcome) == ("applied", "duplicate")
    assert (first.order, first.report_id, first.status, first.source) == (placed, "msg_1", 200, "127.0.0.1")
    assert json.loads(first.body)["data"]["order"] == placed.number
    assert first.headers["webhook-signature"].startswith("v1,")


def test_unknown_fields_are_kept(client, placed):
    body = json.dumps(
        {
            "type": "payment.succeeded",
            "data": {"order": placed.number, "amount": "12.50", "currency": "EUR", "fee": "0.30"},
            "livemode": False,
        }
    )
    assert send(client, placed, raw=body).status_code == 200
    assert json.loads(Callback.objects.get().body) == json.loads(body)


def test_declined_attempts_are_told_and_kept_and_a_success_then_pays(client, placed):
    for attempt in (1, 2, 3):
        assert send(client, placed, id=f"msg_{attempt}", succeeded=False).content == b"success"
        # The provider sends the report again: it is no further attempt.
        assert send(client, placed, id=f"msg_{attempt}", succeeded=False).content == b"success"
        assert Order.objects.get().status == Status.PENDING
    declined = log.read(0, channels=[placed.channel])
    assert [(event.kind, event.data["attempt"]) for event in declined] == [("payment.declined", n) for n in (1, 2, 3)]
    assert send(client, placed).content == b"success"
    assert Order.objects.get().status == Status.PAID
    assert kinds(placed.channel) == ["payment.declined"] * 3 + ["payment.succeeded", "finish"]
    assert kinds(f"user:{placed.buyer.pk}") == ["payment.failed"] * 3 + ["payment.succeeded"]
    assert kinds(f"seller:{placed.product.seller.pk}") == ["order.placed", "order.paid"]
    outcomes = Payment.objects.order_by("pk").values_list("outcome", "applied", "refund_due")
    assert list(outcomes) == [("failed", False, False)] * 3 + [("succeeded", True, False)]
    words = Callback.objects.order_by("pk").values_list("outcome", flat=True)
    assert list(words) == ["declined", "duplicate"] * 3 + ["applied"]


def test_declined_attempts_do_not_lengthen_the_window(client, placed):
    send(client, placed, succeeded=False)
    Order.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    send(client, placed, succeeded=False)
    assert Order.objects.get().status == Status.EXPIRED
    assert kinds(placed.channel) == ["payment.declined", "payment.expired", "finish"]
    assert Payment.objects.filter(outcome="failed").count() == 2
    assert list(Callback.objects.order_by("pk").values_list("outcome", flat=True)) == ["declined", "unchanged"]


def test_the_same_callback_again_answers_success_and_changes_nothing(client, placed):
    for _ in range(3):
        assert send(client, placed, id="msg_1").content == b"success"
    assert Payment.objects.count() == 1
    assert kinds().count("order.paid") == 1


@pytest.mark.parametrize("before", [Status.PAID, Status.EXPIRED])
def test_money_for_an_order_that_has_ended_is_kept_flagged_and_told_to_both(client, placed, before):
    payments.settle(placed, before)
    assert send(client, placed).content == b"success"
    payment = Payment.objects.get()
    assert (payment.applied, payment.refund_due) == (False, True)
    assert Callback.objects.get().outcome == payments.Effect.REFUND_DUE
    assert kinds(f"seller:{placed.product.seller.pk}") == ["order.placed", "order.refund_due"]
    assert kinds(f"user:{placed.buyer.pk}") == ["payment.refund_due"]
    placed.refresh_from_db()
    assert placed.status == before


def test_a_success_after_the_window_expires_the_order_first(client, placed):
    Order.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert send(client, placed).status_code == 200
    assert kinds(placed.channel) == ["payment.expired", "finish"]
    assert Payment.objects.get().refund_due


def test_a_failure_that_arrives_after_the_success_changes_nothing(client, placed):
    send(client, placed)
    before = kinds()
    assert send(client, placed, succeeded=False).content == b"success"
    placed.refresh_from_db()
    assert placed.status == Status.PAID
    assert kinds() == before
    assert not Payment.objects.filter(refund_due=True).exists()
    assert Payment.objects.filter(outcome="failed", applied=False).count() == 1
    assert Callback.objects.latest("pk").outcome == "unchanged"


def test_every_secret_of_a_rotation_is_taken(client, placed, settings):
    old, new = "whsec_" + "QUJD" * 10, "whsec_" + "REVG" * 10
    settings.PAYMENT_CALLBACK_SECRETS = [new, old]
    assert send(client, placed, secret=old).status_code == 200
    assert send(client, placed, secret=new).status_code == 200
    assert send(client, placed, secret="whsec_" + "R0hJ" * 10).status_code == 401


def test_right_callbacks_are_never_held_up(client, placed, settings):
    settings.PAYMENT_REFUSALS_PER_MINUTE = 3
    for _ in range(10):
        assert send(client, placed, id="msg_1").status_code == 200


def test_a_provider_is_added_by_one_class(client, placed, monkeypatch):
    class Carrier:
        """Words, signs and acknowledges in its own way."""

        name = "carrier"

        def verify(self, headers, body):
            if headers.get("X-Pigeon") != "coo":
                raise providers.Rejected("this is not our pigeon", 401)
            return f"carrier-{body.decode()}"

        def parse(self, callback_id, body):
            return Report(callback_id, int(body), True, placed.amount, placed.currency)

        def answer(self):
            return "text/plain", "grain"

    monkeypatch.setitem(providers.PROVIDERS, "carrier", Carrier())
    url = f"{URL}carrier/"
    assert client.post(url, data=str(placed.number), content_type="text/plain").status_code == 401
    headers = {"X-Pigeon": "coo"}
    answer = client.post(url, data=str(placed.number), content_type="text/plain", headers=headers)
    assert answer.content == b"grain"
    assert Order.objects.get().status == Status.PAID


def test_signatures_are_those_of_the_specification(placed):
    """The example of the reference libraries.

    https://github.com/standard-webhooks/standard-webhooks/blob/main/libraries/python/tests/test_webhooks.py
    """
    from datetime import UTC, datetime

    provider = providers.StandardWebhooks(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
    sent_at = datetime.fromtimestamp(1614265330, tz=UTC)
    headers = provider.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", sent_at, '{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
