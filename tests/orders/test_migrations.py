"""The rows of earlier releases are what they must be in this one."""

from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from django.apps.registry import Apps
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

pytestmark = pytest.mark.django_db(transaction=True)


def migrated(name: str) -> Apps:
    """Brings the shop's tables to a migration, and returns its models."""
    executor = MigrationExecutor(connection)
    executor.migrate([("orders", name)])
    return executor.loader.project_state([("orders", name)]).apps


@pytest.fixture
def before(request: pytest.FixtureRequest):
    """The models of an earlier release, whose rows the test makes; afterwards the tables are this release's again."""
    [latest] = [name for app, name in MigrationExecutor(connection).loader.graph.leaf_nodes() if app == "orders"]
    yield migrated(request.param)
    migrated(latest)


def order_of(apps: Apps, **fields: Any) -> Any:
    """Makes an order with its people, as that release did."""
    person = apps.get_model("auth", "User").objects.create
    product = apps.get_model("orders", "Product").objects.create(seller=person(username="alice"), name="Mug", price=1)
    window = {"expires_at": timezone.now() + timedelta(minutes=1)}
    values = {"buyer": person(username="bob"), "product": product, "amount": 1, "currency": "EUR", **window, **fields}
    return apps.get_model("orders", "Order").objects.create(**values)


@pytest.mark.parametrize("before", ["0002_numbers_from_1001"], indirect=True)
def test_an_order_that_a_declined_attempt_had_ended_is_expired_with_that_attempt(before):
    failed = order_of(before, status="failed")
    failed.payments.create(report_id="msg_1", outcome="failed", amount=1, currency="EUR", applied=True)
    apps = migrated("0003_declined_attempts")
    assert apps.get_model("orders", "Order").objects.get().status == "expired"
    payment = apps.get_model("orders", "Payment").objects.get()
    assert (payment.order_id, payment.outcome, payment.applied) == (failed.number, "failed", False)


@pytest.mark.parametrize("before", ["0002_numbers_from_1001"], indirect=True)
def test_the_number_of_a_deleted_order_is_not_given_again(before):
    deleted = order_of(before).number
    before.get_model("orders", "Order").objects.all().delete()
    latest = migrated("0003_declined_attempts")
    buyer, mug = latest.get_model("auth", "User").objects.get(username="bob"), latest.get_model("orders", "Product")
    values = {
        "buyer": buyer,
        "product": mug.objects.get(),
        "amount": 1,
        "currency": "EUR",
        "expires_at": timezone.now(),
    }
    assert latest.get_model("orders", "Order").objects.create(**values).number > deleted > 1000


@pytest.mark.parametrize("before", ["0003_declined_attempts"], indirect=True)
def test_payments_get_their_provider_and_digest_from_the_callbacks_as_they_came(before):
    placed = order_of(before)
    bodies = {"msg_1": '{"a": "é"}', "msg_2": "\\xff{}", "msg_3": None}
    callbacks = before.get_model("orders", "Callback").objects
    for report_id, body in bodies.items():
        placed.payments.create(report_id=report_id, outcome="failed", amount=1, currency="EUR")
        if body is not None:
            came = {"provider": "carrier", "source": "x", "report_id": report_id, "order": placed}
            callbacks.create(**came, body="{}", outcome="refused", status=409)
            callbacks.create(**came, body=body, outcome="unchanged", status=200)
            callbacks.create(**came, body="{}", outcome="duplicate", status=200)
    payments = migrated("0004_body_digests").get_model("orders", "Payment").objects
    assert {payment.report_id: (payment.provider, payment.body_digest) for payment in payments.all()} == {
        "msg_1": ("carrier", sha256('{"a": "é"}'.encode()).hexdigest()),
        "msg_2": ("carrier", ""),
        "msg_3": ("standard", ""),
    }
