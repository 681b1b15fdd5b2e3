"""The provider's callback: signed, idempotent, checked against the order, stored, and never a 500."""

import json
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import DatabaseError
from django.utils import timezone

from notifications import log
from orders import payments
from orders.demo.simulator import Message
from orders.models import Callback, Order, Payment, Status
from orders.payments import callbacks, providers, settlement
from orders.payments.providers import Report
from tests.support.people import order, person, product

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/payments/callback/"


@pytest.fixture
def placed():
    cache.clear()
    return order(person("bob"), product(person("alice")))


def send(client, placed: Order, *, headers=None, url: str = URL, **fields):
    """Sends a callback for the order, altered as asked; `raw` is a body that is signed as it is."""
    signed, text = Message(placed, **fields).signed()
    signed |= headers or {}
    kind = signed.pop("content-type")
    return client.post(url, data=text, content_type=kind, headers={name: v for name, v in signed.items() if v})


def kinds(channel: str | None = None) -> list[str]:
    return [event.kind for event in log.read(0) if channel in (None, event.channel)]


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


def test_a_failed_payment_ends_the_payment_page(client, placed):
    assert send(client, placed, succeeded=False).status_code == 200
    placed.refresh_from_db()
    assert placed.status == Status.FAILED
    assert kinds(placed.channel) == ["payment.failed", "finish"]


def test_the_same_callback_again_answers_success_and_changes_nothing(client, placed):
    for _ in range(3):
        assert send(client, placed, id="msg_1").content == b"success"
    assert Payment.objects.count() == 1
    assert kinds().count("order.paid") == 1


@pytest.mark.parametrize("before", [Status.PAID, Status.FAILED, Status.EXPIRED])
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


def test_a_failure_of_an_order_that_has_ended_changes_nothing(client, placed):
    send(client, placed)
    assert send(client, placed, succeeded=False).status_code == 200
    placed.refresh_from_db()
    assert placed.status == Status.PAID
    assert not Payment.objects.filter(refund_due=True).exists()


def test_every_secret_of_a_rotation_is_taken(client, placed, settings):
    old, new = "whsec_" + "QUJD" * 10, "whsec_" + "REVG" * 10
    settings.PAYMENT_CALLBACK_SECRETS = [new, old]
    assert send(client, placed, secret=old).status_code == 200
    assert send(client, placed, secret=new).status_code == 200
    assert send(client, placed, secret="whsec_" + "R0hJ" * 10).status_code == 401


HEADERS: list[tuple[dict[str, str], int, str]] = [
    ({"webhook-signature": ""}, 401, "webhook-signature is missing"),
    ({"webhook-id": ""}, 401, "webhook-id is missing"),
    ({"webhook-timestamp": ""}, 401, "webhook-timestamp is missing"),
    ({"webhook-id": "x" * 300}, 400, "webhook-id is too long"),
    ({"webhook-id": "another"}, 401, "does not match"),
    ({"webhook-signature": "v1,AAAA"}, 401, "does not match"),
    ({"webhook-signature": "v2,AAAA"}, 401, "does not match"),
    ({"webhook-signature": "nonsense"}, 401, "cannot be read"),
    ({"webhook-signature": "v1,é"}, 401, "cannot be read"),
    ({"webhook-timestamp": "soon"}, 401, "not a time in seconds"),
    ({"webhook-timestamp": "1e99999"}, 401, "not a time in seconds"),
    ({"webhook-timestamp": "NaN"}, 401, "not a time in seconds"),
    ({"webhook-timestamp": "0"}, 401, "five minutes"),
    ({"content-type": "text/plain"}, 415, "application/json"),
    ({"content-type": "application/x-www-form-urlencoded"}, 415, "application/json"),
]
UNREADABLE = [
    " ",
    "not json",
    "[]",
    "null",
    '"payment.succeeded"',
    "{}",
    '{"type": "payment.succeeded", "data": []}',
    '{"type": "payment.doubted", "data": {}}',
    '{"type": 1, "data": {}}',
    '{"type": ["payment.succeeded"], "data": {}}',
    "[" * 10_000,
    '{"a": ' + "9" * 5000 + "}",
]
WRONG_DATA = [
    ({"order": "1042"}, 400),
    ({"order": 1.5}, 400),
    ({"order": True}, 400),
    ({"order": None}, 400),
    ({"order": -1}, 400),
    ({"order": 2**70}, 400),
    ({"order": 99_999_999}, 404),
    ({"amount": 12.5}, 400),
    ({"amount": "NaN"}, 400),
    ({"amount": "sNaN"}, 400),
    ({"amount": "Infinity"}, 400),
    ({"amount": "-12.50"}, 400),
    ({"amount": "0"}, 400),
    ({"amount": "1e999999"}, 409),
    ({"amount": "9" * 1000}, 400),
    ({"amount": "12,50"}, 400),
    ({"amount": "12.51"}, 409),
    ({"amount": "12.500001"}, 409),
    ({"currency": "USD"}, 409),
    ({"currency": "eur"}, 409),
    ({"currency": None}, 400),
    ({"currency": ["EUR"]}, 400),
]


def assert_refused(answer, status: int, reason: str = "") -> None:
    """Answered with a reason in JSON, changed nothing, and stored where a person can find it."""
    assert answer.status_code == status, answer.content
    assert reason in json.loads(answer.content)["error"]
    assert not Payment.objects.exists()
    assert Order.objects.get().status == Status.PENDING
    assert kinds() == ["order.placed"]
    stored = Callback.objects.get()
    assert (stored.outcome, stored.status) == ("refused", status)
    assert stored.reason == json.loads(answer.content)["error"]


@pytest.mark.parametrize(("headers", "status", "reason"), HEADERS)
def test_an_unsigned_or_missigned_callback_is_refused(client, placed, headers, status, reason):
    assert_refused(send(client, placed, headers=headers), status, reason)


@pytest.mark.parametrize("body", UNREADABLE)
def test_an_unreadable_callback_is_refused(client, placed, body):
    assert_refused(send(client, placed, raw=body), 400)


@pytest.mark.parametrize(("data", "status"), WRONG_DATA)
def test_a_callback_that_contradicts_the_order_is_refused(client, placed, data, status):
    right = {"order": placed.number, "amount": "12.50", "currency": "EUR"}
    assert_refused(send(client, placed, raw=json.dumps({"type": "payment.succeeded", "data": right | data})), status)


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_callback_outside_the_tolerance_is_refused(client, placed, minutes):
    answer = send(client, placed, sent_at=timezone.now() + timedelta(minutes=minutes))
    assert_refused(answer, 401, "five minutes")


def test_an_oversized_callback_is_refused_and_little_of_it_kept(client, placed):
    assert_refused(send(client, placed, raw=" " * 10_000_000), 413, "larger")
    assert len(Callback.objects.get().body) <= 4096


@pytest.mark.parametrize("body", [b"\xff\xfe{}", b"\0"])
def test_a_body_that_is_not_text_is_refused_and_stored_readably(client, placed, body):
    headers = {
        "webhook-id": "a",
        "webhook-timestamp": str(int(timezone.now().timestamp())),
        "webhook-signature": "v1,A",
    }
    assert_refused(client.post(URL, data=body, content_type="application/json", headers=headers), 401)
    assert "\\x" in Callback.objects.get().body


def test_a_database_that_fails_asks_for_the_callback_again(client, placed, monkeypatch):
    def fail(_reports):
        raise DatabaseError

    monkeypatch.setattr(settlement, "apply_all", fail)
    answer = send(client, placed, id="msg_1")
    assert answer.status_code == 503
    assert "again" in json.loads(answer.content)["error"]
    monkeypatch.undo()
    assert send(client, placed, id="msg_1").content == b"success"


def test_the_answer_is_success_only_once_everything_is_committed(client, placed, monkeypatch):
    def fail(*_, **__):
        raise DatabaseError

    monkeypatch.setattr(Callback.objects, "bulk_create", fail)
    assert send(client, placed).status_code == 503
    assert not Payment.objects.exists()
    assert Order.objects.get().status == Status.PENDING


def test_a_source_that_is_refused_too_often_waits_and_is_not_stored(client, placed, settings):
    settings.PAYMENT_REFUSALS_PER_MINUTE = 3
    for _ in range(3):
        assert send(client, placed, bad_signature=True).status_code == 401
    answer = send(client, placed)
    assert answer.status_code == 429
    assert "wait" in json.loads(answer.content)["error"]
    assert Callback.objects.count() == 3
    # Another address is not held up; nor is one whose callbacks are right.
    signed, body = Message(placed).signed()
    assert callbacks.receive(callbacks.Arrival(providers.STANDARD, signed, body, "192.0.2.7")).status == 200


def test_right_callbacks_are_never_held_up(client, placed, settings):
    settings.PAYMENT_REFUSALS_PER_MINUTE = 3
    for _ in range(10):
        assert send(client, placed, id="msg_1").status_code == 200


def test_only_post_is_taken_and_only_of_known_providers(client, placed):
    assert client.get(URL).status_code == 405
    assert send(client, placed, url=f"{URL}nobody/").status_code == 404
    assert send(client, placed, url=f"{URL}standard/").status_code == 200


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
