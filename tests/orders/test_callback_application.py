"""Callbacks that come at the same time: taken together, answered each for itself."""

import asyncio
import json
import logging
import threading
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.cache import cache
from django.db import IntegrityError, OperationalError

from config import asgi
from notifications import log
from notifications.concurrency import Batcher
from notifications.tracing import TraceFilter
from orders import payments
from orders.demo.simulator import Message
from orders.models import Callback, Order, Payment, Status
from orders.payments import callback_application, callbacks, settlement
from orders.payments.callbacks import Arrival
from orders.payments.providers import STANDARD
from tests.support.asgi import http_scope
from tests.support.people import order, person, product

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def placed() -> list[Order]:
    cache.clear()
    buyer, of = person("bob"), product(person("alice"))
    return [order(buyer, of) for _ in range(12)]


def arrival(message: Message) -> Arrival:
    headers, body = message.signed()
    return Arrival(STANDARD, headers, body, "192.0.2.7")


def told(channel: str) -> list[str]:
    return [event.kind for event in log.read(0, channels=[channel])]


async def request(message: Message | None, *, method: str = "POST", path: str = "/payments/callback/", **headers: str):
    """One request to the whole application; the status, the content type and the body of its answer."""
    signed, body = message.signed() if message else ({}, b"")
    scope = http_scope(path, method=method, headers={"host": "localhost"} | signed | headers)
    pieces = [body[start : start + 60_000] for start in range(0, len(body), 60_000)] or [b""]
    messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    for number, piece in enumerate(pieces, 1):
        messages.put_nowait({"type": "http.request", "body": piece, "more_body": number < len(pieces)})
    answer: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        answer.append(message)

    await asgi.application(scope, messages.get, send)
    fields = dict(answer[0]["headers"])
    return (
        answer[0]["status"],
        fields.get(b"content-type", b"").decode(),
        b"".join(m.get("body", b"") for m in answer[1:]),
    )


def test_callbacks_that_come_while_one_commits_share_the_next_transaction(placed, monkeypatch):
    taken: list[int] = []
    first_is_in, let_go = threading.Event(), threading.Event()

    def receive_all(arrivals):
        taken.append(len(arrivals))
        first_is_in.set()
        assert let_go.wait(10)
        return callbacks.receive_all(arrivals)

    monkeypatch.setattr(asgi.callbacks, "batcher", Batcher(receive_all, name="callbacks", most=50))

    @async_to_sync
    async def run():
        first = asyncio.create_task(request(Message(placed[0])))
        assert await asyncio.to_thread(first_is_in.wait, 10)
        others = [asyncio.create_task(request(Message(each))) for each in placed[1:]]
        await asyncio.sleep(0)
        let_go.set()
        return await asyncio.gather(first, *others)

    assert run() == [(200, "text/plain", b"success")] * len(placed)
    assert taken == [1, len(placed) - 1]
    assert set(Order.objects.values_list("status", flat=True)) == {Status.PAID}
    for each in placed:
        assert told(each.channel) == ["payment.succeeded", "finish"]
    assert told(f"seller:{placed[0].product.seller_id}").count("order.paid") == len(placed)
    assert Callback.objects.filter(outcome="applied", status=200).count() == len(placed)


def test_each_of_many_callbacks_gets_its_own_answer(placed):
    paid, late, twice, contradicted, unsigned, unknown = placed[:6]
    payments.settle(late, Status.EXPIRED)
    resent = Message(twice, id="msg_1")
    messages = [
        Message(paid),
        Message(late),
        resent,
        Message(contradicted, amount="99.00"),
        resent,
        Message(unsigned, bad_signature=True),
        Message(Order(number=999_999, amount=unknown.amount, currency=unknown.currency)),
        Message(unknown, succeeded=False),
        Message(unknown),
    ]
    answers = callbacks.receive_all([arrival(message) for message in messages])
    assert [answer.status for answer in answers] == [200, 200, 200, 409, 200, 401, 404, 200, 200]
    words = list(Callback.objects.exclude(outcome="refused").order_by("pk").values_list("outcome", flat=True))
    assert words == ["applied", "refund due", "applied", "duplicate", "declined", "applied"]
    statuses = dict(Order.objects.values_list("number", "status"))
    assert [statuses[each.number] for each in placed[:6]] == [
        *("paid", "expired", "paid", "pending", "pending", "paid"),
    ]
    assert Payment.objects.filter(refund_due=True).count() == 1
    assert told(f"user:{unknown.buyer_id}").count("payment.refund_due") == 1
    assert told(unknown.channel) == ["payment.declined", "payment.succeeded", "finish"]


def test_the_order_of_attempts_within_a_batch_is_the_order_on_the_page(placed):
    first, second = placed[:2]
    messages = [
        *(Message(first, succeeded=False), Message(second, succeeded=False), Message(first, succeeded=False)),
        *(Message(second), Message(first, succeeded=False), Message(second, succeeded=False)),
    ]
    answers = callbacks.receive_all([arrival(message) for message in messages])
    assert {answer.status for answer in answers} == {200}
    assert [event.data["attempt"] for event in log.read(0, channels=[first.channel])] == [1, 2, 3]
    assert told(second.channel) == ["payment.declined", "payment.succeeded", "finish"]
    words = Callback.objects.order_by("pk").values_list("outcome", flat=True)
    assert list(words) == ["declined", "declined", "declined", "applied", "declined", "unchanged"]


def test_one_callback_that_the_database_refuses_harms_none_of_the_others(placed, monkeypatch):
    apply_all = payments.apply_all

    def refuse_one(reports):
        if any(report.id == "msg_bad" for report in reports):
            raise IntegrityError
        return apply_all(reports)

    monkeypatch.setattr(settlement, "apply_all", refuse_one)
    messages = [Message(placed[0]), Message(placed[1], id="msg_bad"), Message(placed[2])]
    answers = callbacks.receive_all([arrival(message) for message in messages])
    assert [answer.status for answer in answers] == [200, 503, 200]
    assert Order.objects.filter(status=Status.PAID).count() == 2


def test_a_database_that_is_away_asks_for_all_of_them_again(placed, monkeypatch):
    attempts = []

    def fail(reports):
        attempts.append(len(reports))
        raise OperationalError

    monkeypatch.setattr(settlement, "apply_all", fail)
    answers = callbacks.receive_all([arrival(Message(each)) for each in placed])
    assert {(answer.status, json.loads(answer.body)["error"]) for answer in answers} == {(503, callbacks.AGAIN)}
    # Not one after the other, each with its own timeout.
    assert attempts == [len(placed)]


def test_a_fault_of_ours_is_answered_so_that_it_is_sent_again(placed, monkeypatch):
    monkeypatch.setattr(settlement, "apply_all", lambda _reports: 1 / 0)
    status, content_type, body = async_to_sync(request)(Message(placed[0]))
    assert (status, content_type) == (503, "application/json")
    assert "again" in json.loads(body)["error"]
    monkeypatch.undo()
    assert async_to_sync(request)(Message(placed[0]))[0] == 200


def test_whoever_comes_when_too_many_wait_is_asked_to_come_again(placed, monkeypatch):
    monkeypatch.setattr(callback_application, "MOST_WAITING", 0)
    assert async_to_sync(request)(Message(placed[0]))[0] == 503
    assert not Callback.objects.exists()


def test_a_large_body_is_refused_here_too_and_little_of_it_read(placed):
    status, _type, body = async_to_sync(request)(Message(placed[0], raw=" " * 10_000_000))
    assert status == 413
    assert "larger" in json.loads(body)["error"]
    assert len(Callback.objects.get().body) <= callbacks.KEPT_OF_UNSIGNED


def test_what_is_not_plainly_a_callback_goes_the_way_of_every_request(placed):
    assert async_to_sync(request)(None, method="GET")[0] == 405
    assert async_to_sync(request)(Message(placed[0]), path="/payments/callback/nobody/")[0] == 404
    assert async_to_sync(request)(Message(placed[0]), host="elsewhere.example")[0] == 400
    assert not Callback.objects.exists()


def test_without_https_where_it_is_asked_django_redirects(placed, settings, monkeypatch):
    async def otherwise(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 301, "headers": []})

    monkeypatch.setattr(asgi.callbacks, "otherwise", otherwise)
    settings.SECURE_SSL_REDIRECT = True
    assert async_to_sync(request)(Message(placed[0]))[0] == 301
    assert not Callback.objects.exists()


def test_a_provider_may_hang_up_while_its_callback_is_taken(placed):
    @async_to_sync
    async def run():
        desk = callback_application.CallbackApplication(otherwise=asgi.pages)
        impatient = asyncio.create_task(desk.answer(arrival(Message(placed[0]))))
        await asyncio.sleep(0)
        impatient.cancel()
        answer = await desk.answer(arrival(Message(placed[1])))
        await asyncio.gather(impatient, return_exceptions=True)
        return answer

    assert run().status == 200
    assert Order.objects.filter(status=Status.PAID).count() == 2


def test_a_client_that_leaves_in_mid_upload_is_neither_recorded_nor_counted(placed):
    headers, body = Message(placed[0]).signed()
    scope = http_scope("/payments/callback/", method="POST", headers={"host": "localhost"} | headers)
    answer: list[dict[str, Any]] = []

    @async_to_sync
    async def run():
        messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        messages.put_nowait({"type": "http.request", "body": body[:40], "more_body": True})
        messages.put_nowait({"type": "http.disconnect"})

        async def send(message: dict[str, Any]) -> None:
            answer.append(message)

        await asgi.application(scope, messages.get, send)

    for _ in range(callbacks.limit().most + 1):
        run()
    assert answer == []
    assert not Callback.objects.exists()
    assert async_to_sync(request)(Message(placed[0])) == (200, "text/plain", b"success")


def test_a_callback_has_the_request_id_of_its_proxy_in_its_answer_and_in_the_log(placed, caplog):
    caplog.handler.addFilter(TraceFilter())
    caplog.set_level(logging.INFO, "orders")
    scopes = []
    for number, message in enumerate((Message(placed[0]), Message(placed[1], bad_signature=True))):
        headers, body = message.signed()
        given = {"host": "localhost", "x-request-id": f"proxy-471{number}"} | headers
        scopes.append((http_scope("/payments/callback/", method="POST", headers=given), body))

    @async_to_sync
    async def run():
        answers: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            answers.append(message)

        async def one(scope: dict[str, Any], body: bytes) -> None:
            messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
            messages.put_nowait({"type": "http.request", "body": body})
            await asgi.application(scope, messages.get, send)

        await asyncio.gather(*(one(*each) for each in scopes))
        return [dict(each["headers"])[b"x-request-id"] for each in answers if "headers" in each]

    assert sorted(run()) == [b"proxy-4710", b"proxy-4711"]
    lines = {
        vars(record)["trace"]: record.getMessage() for record in caplog.records if record.name.startswith("orders")
    }
    assert f"for order {placed[0].number}: applied" in lines["proxy-4710"]
    assert "refused" in lines["proxy-4711"]
