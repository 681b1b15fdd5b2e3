"""One parser reads every document of preferences: strictly from people, leniently from the database."""

from datetime import time
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from notifications import kinds, preferences
from notifications.models import Preference
from notifications.preferences import Choice, Quiet

DEFAULTS = preferences.parse({})
# Of another release, or damaged: what is wrong, and what is still read of the rest.
FOREIGN: list[tuple[Any, dict[str, Any]]] = [
    (None, {}),
    ([], {}),
    ("kinds", {}),
    ({"kinds": None, "quiet": None, "email": None}, {}),
    ({"kinds": [], "quiet": "22:00", "email": 0}, {}),
    ({"sound": "ping", "email": False}, {"email": False}),
    ({"kinds": {"gone": {"page": False}}, "email": False}, {"email": False}),
    ({"kinds": {"order.placed": {"page": False, "phone": True}}}, {"order.placed": Choice(page=False)}),
    ({"kinds": {"order.placed": {"page": False, "toast": "yes"}}}, {"order.placed": Choice(page=False)}),
    ({"kinds": {"order.placed": ["page"]}}, {}),
    (
        {"kinds": {"payment.succeeded": {"page": False, "desktop": True}}},
        {"payment.succeeded": Choice(desktop=True, at_once=True)},
    ),
    ({"quiet": {"on": True, "from": "24:00", "until": 7}}, {"quiet": Quiet(on=True)}),
    ({"quiet": {"on": 1, "from": "21:00"}}, {"quiet": Quiet(start=time(21))}),
    ({"quiet": {"on": True, "zone": "Mars/Olympus"}}, {"quiet": Quiet(on=True)}),
    ({"quiet": {"zone": ["UTC"], "days": [6, 7]}}, {}),
]


@pytest.mark.parametrize(("document", "read"), FOREIGN)
def test_a_stored_document_of_another_release_is_read_as_far_as_it_is_known(document, read):
    found = preferences.from_stored(document)
    assert found.kinds == {**DEFAULTS.kinds, **{name: choice for name, choice in read.items() if "." in name}}
    assert found.quiet == read.get("quiet", Quiet())
    assert found.email is read.get("email", True)


@pytest.mark.django_db
def test_pages_open_with_a_stored_document_of_another_release(client, alice):
    document = {"kinds": {"order.placed": {"page": True, "phone": True}, "gone": {}}, "sound": "ping", "quiet": []}
    Preference.objects.create(user=alice, choices=document)
    client.force_login(alice)
    for path in ("/notifications/", "/notifications/preferences/", "/api/inbox", "/api/preferences"):
        assert client.get(path).status_code == 200, path


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (None, "“None” is not an object."),
        ({"sound": "ping"}, "There is no key “sound”."),
        ({"email": "no"}, "“email” is neither true nor false."),
        ({"kinds": ["order.placed"]}, "is not an object."),
        ({"kinds": {"no.such": {}}}, "There is no kind “no.such”."),
        ({"kinds": {"order.placed": {"phone": True}}}, "There is no key “phone”."),
        ({"kinds": {"order.placed": {"toast": 1}}}, "“toast” is neither true nor false."),
        ({"kinds": {"payment.succeeded": {"toast": False}}}, "cannot be switched off."),
        ({"quiet": {"from": "24:00"}}, "“24:00” is not a time such as 22:00."),
        ({"quiet": {"until": None}}, "“None” is not a time such as 22:00."),
        ({"quiet": {"zone": "Mars/Olympus"}}, "There is no time zone “Mars/Olympus”."),
        ({"quiet": {"zone": None}}, "There is no time zone “None”."),
    ],
)
def test_what_a_person_asks_for_is_read_strictly(document, said):
    with pytest.raises(ValidationError) as refused:
        preferences.parse(document)
    assert said in refused.value.messages[0]


def test_what_is_written_is_read_as_the_same():
    wanted = preferences.checked(
        {"order.placed": Choice(page=False), "order.paid": Choice(desktop=True, email=False)},
        Quiet(on=True, start=time(21, 30), until=time(6), zone="Asia/Shanghai"),
        email=False,
    )
    document = wanted.as_json()
    del document["quiet_now"]
    assert preferences.parse(document) == preferences.from_stored(document) == wanted
    assert list(wanted.kinds) == [kind.name for kind in kinds.listed()]
