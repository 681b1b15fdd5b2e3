"""What append() stores, what it cleans, and what it refuses: the same on both engines, and before anything is written."""

import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.utils import translation
from django.utils.functional import lazystr
from django.utils.translation import gettext_lazy

from notifications import log
from notifications.models import Event
from orders.models import Product
from tests.support.people import product

pytestmark = pytest.mark.django_db(transaction=True)


def stored(data):
    log.append("user:4", "custom.kind", data)
    return Event.objects.order_by("-id")[0].data


def test_a_sites_own_values_are_stored_as_djangos_encoder_has_them():
    number = uuid.uuid4()
    data = {
        "amount": Decimal("12.50"),
        "day": date(2026, 11, 26),
        "at": datetime(2026, 11, 26, 12, 30, tzinfo=UTC),
        "for": timedelta(minutes=90),
        "id": number,
        "lazy": lazystr("text"),
        "nested": [{"deep": (Decimal(1), number)}],
        7: "a key that JSON has as text",
    }
    assert stored(data) == {
        "amount": "12.50",
        "day": "2026-11-26",
        "at": "2026-11-26T12:30:00Z",
        "for": "P0DT01H30M00S",
        "id": str(number),
        "lazy": "text",
        "nested": [{"deep": ["1", str(number)]}],
        "7": "a key that JSON has as text",
    }


def test_a_lazy_translation_is_stored_in_the_language_of_the_moment():
    with translation.override("zh-hans"):
        chinese = str(gettext_lazy("Inbox"))
        assert stored({"word": gettext_lazy("Inbox")}) == {"word": chinese}
    assert chinese != "Inbox"


def test_surrogates_and_nul_are_replaced_in_values_and_keys():
    assert stored({"a": "lone \ud800", "b": ["nul \0", {"\ud800": "🎉"}]}) == {
        "a": "lone \ufffd",
        "b": ["nul \ufffd", {"\ufffd": "🎉"}],
    }
    assert stored("a string of send_event(), \ud800\0") == "a string of send_event(), \ufffd\ufffd"


def deep(levels: int):
    value: object = "bottom"
    for _ in range(levels):
        value = [value]
    return value


TAKEN = {"channel": "user:4", "kind": "custom.kind"}
REFUSED = {
    "an empty channel": ({"channel": ""}, "channel: must be text, and not empty"),
    "an empty kind": ({"kind": ""}, "kind: must be text, and not empty"),
    "no kind": ({"kind": None}, "kind: must be text, and not empty"),
    "an empty key": ({"key": ""}, "key: must be text, and not empty"),
    "a long channel": ({"channel": "c" * 101}, "channel: 101 characters, at most 100"),
    "a long kind": ({"kind": "k" * 70}, "kind: 70 characters, at most 64"),
    "a long key": ({"key": "k" * 201}, "key: 201 characters, at most 200"),
    "a long link": ({"url": "/" + "u" * 800}, "url: 801 characters, at most 500"),
    "a kind of two lines": ({"kind": "a\nevent: b"}, "kind: .* has a line break"),
    "a channel with NUL": ({"channel": "a\0"}, "channel: .* cannot be printed"),
    "a key with a surrogate": ({"key": "a\ud800"}, "key: .* cannot be printed"),
    "a script": ({"url": "javascript:alert(1)"}, "url: .* is not a path of this site"),
    "another site": ({"url": "https://evil.example/"}, "url: .* is not a path of this site"),
    "another host": ({"url": "//evil.example/"}, "url: .* is not a path of this site"),
    "NaN": ({"data": {"a": [float("nan")]}}, "data: is no JSON: Out of range float"),
    "infinity": ({"data": {"a": float("-inf")}}, "data: is no JSON: Out of range float"),
    "an object": ({"data": {"a": object()}}, "data: is no JSON: Object of type object"),
    "a key that is no text": ({"data": {("a", 1): 1}}, "data: is no JSON: keys must be str"),
    "a list": ({"data": [1, 2]}, "data: must be a mapping or a string, not list"),
    "many levels": ({"data": {"a": deep(32)}}, "data: more than 32 levels"),
    "very many levels": (
        {"data": {"a": deep(5000)}},
        "data: (is no JSON: maximum recursion depth|more than 32 levels)",
    ),
    "a megabyte": ({"data": {"a": "x" * 1_000_000}}, "data: 10000.. bytes, at most 16384 are stored"),
    "many bytes of few characters": ({"data": {"a": "中" * 6_000}}, "data: 18009 bytes, at most 16384 are stored"),
}


@pytest.mark.parametrize(("event", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_stored_is_refused_with_the_reason_and_takes_nothing_with_it(alice, event, reason):
    with transaction.atomic():
        bought = product(alice)
        with pytest.raises(ValueError, match=reason):
            log.append_all([Event(**TAKEN), Event(**{**TAKEN, **event})])
        log.append("user:4", "after", key="fine")
    assert Product.objects.filter(pk=bought.pk).exists()
    assert [(row.kind, row.position) for row in log.read(0)] == [("after", 1)]


def test_the_bounds_are_what_the_columns_hold():
    event = Event(channel="c" * 100, kind="k" * 64, key="y" * 200, url="/" + "u" * 499, data={"a": deep(31)})
    log.append_all([event])
    assert [(row.channel, row.kind, row.key, row.url) for row in log.read(0)] == [
        ("c" * 100, "k" * 64, "y" * 200, "/" + "u" * 499)
    ]


def test_the_bound_of_the_data_counts_bytes_of_utf_8_and_is_a_setting(settings):
    assert stored({"a": "中" * 5_400}) == {"a": "中" * 5_400}
    settings.NOTIFICATIONS_MAX_DATA_BYTES = 30
    assert stored({"a": "é" * 10}) == {"a": "é" * 10}
    with pytest.raises(ValueError, match="at most 30 are stored"):
        log.append("user:4", "custom.kind", {"a": "é" * 11})
