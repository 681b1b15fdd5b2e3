"""Callbacks that are refused, and the database's failures: nothing changes, and the answer says why."""

import json
from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.utils import timezone

from orders.demo.simulator import Message
from orders.models import Callback, Order, Payment, Status
from orders.payments import callbacks, providers, settlement
from tests.orders.callbacks.sending import URL, kinds, send

pytestmark = pytest.mark.django_db(transaction=True)


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
    ({"webhook-timestamp": "1_764_000_000"}, 401, "not a time in seconds"),
    ({"webhook-timestamp": "-1"}, 401, "not a time in seconds"),
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
    ({"amount": "1e999999"}, 400),
    ({"amount": "9" * 1000}, 400),
    ({"amount": "12,50"}, 400),
    ({"amount": "12.51"}, 409),
    ({"amount": "12.500001"}, 400),
    ({"amount": "12.500"}, 400),
    ({"amount": "1.25e1"}, 400),
    ({"amount": "125E-1"}, 400),
    ({"amount": "١٢.٥٠"}, 400),
    ({"amount": "１２.５０"}, 400),
    ({"amount": "1_2.50"}, 400),
    ({"amount": " 12.50"}, 400),
    ({"amount": "12.50\n"}, 400),
    ({"amount": "+12.50"}, 400),
    ({"amount": "012.50"}, 400),
    ({"amount": "12."}, 400),
    ({"amount": ".5"}, 400),
    ({"amount": ""}, 400),
    ({"amount": "0.00"}, 400),
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


@pytest.mark.parametrize("spelled", ["{}.0", " {}", "+{}", "{:.3e}", "{:_}"])
def test_a_time_of_signing_has_one_form(client, placed, spelled):
    now = int(timezone.now().timestamp())
    assert_refused(send(client, placed, headers={"webhook-timestamp": spelled.format(now)}), 401, "seconds")


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
    answer = send(client, placed, bad_signature=True)
    assert answer.status_code == 429
    assert "wait" in json.loads(answer.content)["error"]
    assert Callback.objects.count() == 3
    # Another address is not held up.
    headers, body = Message(placed, bad_signature=True).signed()
    assert callbacks.receive(callbacks.Arrival(providers.STANDARD, headers, body, "192.0.2.7")).status == 401
    # Nor is a callback that verifies: the provider may share the address, or the proxy may hide both.
    assert send(client, placed).status_code == 200


def test_only_post_is_taken_and_only_of_known_providers(client, placed):
    assert client.get(URL).status_code == 405
    assert send(client, placed, url=f"{URL}nobody/").status_code == 404
    assert send(client, placed, url=f"{URL}standard/").status_code == 200
