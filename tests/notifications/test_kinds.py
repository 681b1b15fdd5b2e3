"""Kinds and their texts."""

import pytest
from django.utils import translation

from notifications import kinds
from notifications.kinds import Kind


@pytest.fixture
def kind():
    made = kinds.register(Kind("test.happened", label="Happened", title="%(who)s did", body="%(what)s"))
    yield made
    kinds._registry.pop(made.name)


def test_texts_are_filled_from_the_data(kind):
    assert kinds.render("test.happened", {"who": "alice", "what": "this"}) == ("alice did", "this")


def test_an_event_that_lacks_data_is_named_by_its_label(kind, caplog):
    assert kinds.render("test.happened", {}) == ("Happened", "")
    assert "test.happened" in caplog.text


def test_a_kind_nobody_registered_is_shown_by_what_it_carries():
    assert kinds.render("unknown", "plain text") == ("plain text", "")
    assert kinds.render("unknown", {"a": 1}) == ("unknown", "")


def test_the_same_kind_may_be_registered_again_and_another_of_its_name_may_not(kind):
    kinds.register(Kind("test.happened", label="Happened", title="%(who)s did", body="%(what)s"))
    with pytest.raises(ValueError, match=r"test\.happened"):
        kinds.register(Kind("test.happened", label="Happened", title="otherwise"))


def test_steering_kinds_cannot_be_registered():
    with pytest.raises(ValueError, match="control"):
        kinds.register(Kind("control.anything", label="", title=""))


def test_every_kind_of_the_site_speaks_both_languages():
    data = {
        "buyer": "bob",
        "number": 1042,
        "product": "Mug",
        "amount": "1200.50",
        "currency": "EUR",
        "author": "alice",
        "title": "Hello",
    }
    for name in [kind.name for kind in kinds.listed()]:
        with translation.override("en"):
            english = kinds.render(name, data)
        with translation.override("zh-hans"):
            chinese = kinds.render(name, data)
        assert "%(" not in english.title + english.body
        assert english.title != chinese.title, name


def test_amounts_are_written_in_the_readers_format():
    data = {"number": 1, "buyer": "bob", "product": "Mug", "amount": "1200.50", "currency": "EUR"}
    with translation.override("en"):
        assert kinds.render("order.placed", data) == ("bob placed order 1", "Mug, 1,200.50\u00a0EUR")
