"""Import paths that documents of the last release named still work, and name the new path."""

from importlib import import_module

import pytest

from notifications import kinds, saves

MOVED = [
    ("notifications.opening", "each", "notifications.stream"),
    ("notifications.opening", "Refused", "notifications.stream"),
    ("notifications.plans", "Plan", "notifications.stream"),
    ("notifications.choices", "Choice", "notifications.preferences"),
    ("notifications.choices", "Quiet", "notifications.preferences"),
    ("notifications.channelmanager", "register_rule", "notifications.subscriptions"),
    ("notifications.client", "SseClient", "notifications.testing"),
    ("orders.providers", "PROVIDERS", "orders.payments"),
    ("orders.providers", "parse_amount", "orders.payments"),
]


@pytest.mark.parametrize(("old", "name", "new"), MOVED)
def test_an_old_path_leads_to_the_same_object_and_warns_with_the_new_path(old, name, new):
    with pytest.warns(DeprecationWarning, match=rf"{old}.{name} has moved: import it from {new}"):
        found = getattr(import_module(old), name)
    assert found is getattr(import_module(new), name)


def test_a_name_that_never_was_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        import_module("notifications.plans").Nothing  # noqa: B018


def test_the_old_name_of_notify_on_create_warns(monkeypatch):
    calls: list[tuple[object, ...]] = []

    def notifier() -> None:
        """What the function of the new name returns."""

    def record(*args: object, **kwargs: object) -> object:
        calls.append((args, kwargs))
        return notifier

    monkeypatch.setattr(saves, "notify_on_create", record)
    kind = kinds.Kind("some.kind", label="Some")
    with pytest.warns(DeprecationWarning, match="notify_on_create"):
        assert saves.tell_of_new("app.Model", kind, to=str) is notifier
    assert calls == [(("app.Model", kind), {"to": str})]
