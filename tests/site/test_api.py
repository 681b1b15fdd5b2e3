"""The JSON API: the same inbox, the same permissions, the same cursors as the pages and the streams."""

import json

import pytest
from django.test import Client

from notifications import inbox, log, preferences, subscriptions
from notifications.models import Head
from tests.support.people import person

pytestmark = pytest.mark.django_db(transaction=True)
READS = ("/api/inbox", "/api/unread", "/api/events?after=0", "/api/preferences")
WRITES = (
    ("/api/read", {"positions": [1]}),
    ("/api/read", {"through": 1}),
    ("/api/unread", {"positions": [1]}),
    ("/api/dismiss", {"positions": [1]}),
    ("/api/mute", {"channel": "author:7", "muted": True}),
)


def tell(user, count: int = 1) -> None:
    for number in range(1, count + 1):
        data = {"number": number, "buyer": "bob", "product": "Mug", "amount": "12.00", "currency": "EUR"}
        log.append(f"seller:{user.pk}", "order.placed", data, url=f"/orders/{number}/")


def post(client, path, body, **headers):
    return client.post(path, json.dumps(body), content_type="application/json", headers=headers)


def test_the_inbox_page_says_all_of_an_item(client, alice):
    tell(alice, 2)
    client.force_login(alice)
    page = client.get("/api/inbox?limit=1").json()
    assert page.keys() == {"items", "next", "cursor", "epoch", "unread"}
    assert (page["next"], page["cursor"], page["unread"]) == (2, 2, 2)
    (item,) = page["items"]
    created_at = item.pop("created_at")
    assert created_at.endswith("Z")
    assert item == {
        "id": 2,
        "kind": "order.placed",
        "channel": f"seller:{alice.pk}",
        "title": "bob placed order 2",
        "body": "Mug, 12.00\u00a0EUR",
        "url": "/orders/2/",
        "data": {"number": 2, "buyer": "bob", "product": "Mug", "amount": "12.00", "currency": "EUR"},
        "unread": True,
    }
    last = client.get("/api/inbox?limit=1&before=2").json()
    assert ([item["id"] for item in last["items"]], last["next"]) == ([1], None)
    assert client.get("/api/inbox?kind=order.paid").json()["items"] == []


def test_texts_come_in_the_readers_language(client, alice):
    tell(alice)
    client.force_login(alice)
    chinese = client.get("/api/inbox", headers={"Accept-Language": "zh-Hans"}).json()
    assert chinese["items"][0]["title"] == "bob 下了订单 1"
    # A worker that several tabs share says the language of its pages itself.
    for language, title in (("zh-hans", "bob 下了订单 1"), ("en", "bob placed order 1"), ("tlh", "bob placed order 1")):
        polled = client.get(f"/api/events?after=0&language={language}").json()
        assert polled["items"][0]["title"] == title


def test_reading_unreading_and_dismissing(client, alice):
    tell(alice, 3)
    client.force_login(alice)
    assert post(client, "/api/read", {"positions": [1, 2, 999]}).json()["unread"] == 1
    assert post(client, "/api/unread", {"positions": [1]}).json()["unread"] == 2
    assert post(client, "/api/dismiss", {"positions": [3]}).json() == {"unread": 1, "label": "1", "cursor": log.head()}
    assert post(client, "/api/read", {"through": log.head()}).json()["unread"] == 0
    assert [item["id"] for item in client.get("/api/inbox").json()["items"]] == [2, 1]
    assert client.get("/api/inbox?unread=true").json()["items"] == []


def test_what_has_not_changed_is_not_sent_again(client, alice):
    tell(alice)
    client.force_login(alice)
    for path in ("/api/unread", "/api/events?after=0"):
        first = client.get(path)
        assert client.get(path, headers={"If-None-Match": first["ETag"]}).status_code == 304
        tell(alice)
        second = client.get(path, headers={"If-None-Match": first["ETag"]})
        assert (second.status_code, second["ETag"] != first["ETag"]) == (200, True)


def test_polling_gets_what_the_stream_would_send(client, alice, charlie):
    tell(alice, 3)
    tell(charlie)
    subscriptions.subscribe(alice, "author:7")
    log.append("author:7", "post.published", {"author": "carol", "title": "Hello"})
    inbox.mark_all_read(alice)
    client.force_login(alice)
    got, cursor, pages = [], 0, 0
    while pages < 10:
        page = client.get(f"/api/events?after={cursor}&limit=2").json()
        assert page["reset"] is False
        got += [(item["id"], item["kind"]) for item in page["items"]]
        pages += 1
        if page["cursor"] == log.head():
            break
        cursor = page["cursor"]
    heard = [event for event in log.read(0) if event.channel in subscriptions.channels_of(alice)]
    assert got == [(event.position, event.kind) for event in heard]
    assert [kind for _at, kind in got] == ["order.placed"] * 3 + ["post.published", "inbox.read"]


def test_polling_does_not_bring_what_was_before_the_subscription(client, alice):
    log.append("author:7", "post.published", {"author": "carol", "title": "Before"})
    subscriptions.subscribe(alice, "author:7")
    client.force_login(alice)
    assert client.get("/api/events?after=0").json()["items"] == []


def test_a_cursor_outside_of_the_log_is_answered_with_reset(client, alice):
    tell(alice, 5)
    Head.objects.update(horizon=3)
    client.force_login(alice)
    for cursor, reset in ((2, True), (3, False), (5, False), (6, True)):
        page = client.get(f"/api/events?after={cursor}").json()
        assert (page["reset"], page["cursor"]) == (reset, 5)


def test_a_cursor_of_another_epoch_is_answered_with_reset_and_a_malformed_one_with_422(client, alice):
    tell(alice, 5)
    client.force_login(alice)
    epoch = client.get("/api/inbox").json()["epoch"]
    assert epoch == log.bounds().epoch
    assert [item["id"] for item in client.get(f"/api/events?after={epoch}-3").json()["items"]] == [4, 5]
    renewed = log.renew_epoch(epoch).epoch
    page = client.get(f"/api/events?after={epoch}-3").json()
    assert page == {"items": [], "cursor": 5, "epoch": renewed, "reset": True}
    page = client.get(f"/api/events?after={page['epoch']}-{page['cursor']}").json()
    assert page == {"items": [], "cursor": 5, "epoch": renewed, "reset": False}
    for malformed in ("-3", "a-", "A-3", "a:3", "a-1.5", "9" * 40, ""):
        assert client.get("/api/events", {"after": malformed}).status_code == 422, malformed


def test_preferences_are_read_and_replaced(client, alice):
    client.force_login(alice)
    shown = client.get("/api/preferences").json()
    assert shown["kinds"]["order.placed"] == {
        "page": True,
        "toast": True,
        "desktop": False,
        "email": True,
        "at_once": False,
    }
    assert shown["quiet"] == {"on": False, "from": "22:00", "until": "07:00", "zone": "UTC"}
    assert shown.pop("quiet_now") is False
    shown["kinds"]["order.placed"]["page"] = False
    shown["quiet"] |= {"on": True, "from": "00:00", "until": "00:00", "zone": "Asia/Shanghai"}
    answer = client.put("/api/preferences", json.dumps(shown), content_type="application/json")
    assert answer.json() == shown | {"quiet_now": True} == client.get("/api/preferences").json()
    assert preferences.of(alice).silenced == {"order.placed"}


@pytest.mark.parametrize(
    ("kinds", "quiet", "status", "said"),
    [
        ({"payment.succeeded": {"page": False}}, {}, 409, "cannot be switched off"),
        ({"no.such": {}}, {}, 409, "no.such"),
        ({}, {"zone": "Mars/Olympus"}, 409, "Mars/Olympus"),
        ({}, {"from": "24:00"}, 422, "pattern"),
        ({}, {"volume": 11}, 422, "extra"),
    ],
)
def test_preferences_that_cannot_be_are_refused_with_words(client, alice, kinds, quiet, status, said):
    client.force_login(alice)
    body = json.dumps({"kinds": kinds, "quiet": quiet})
    answer = client.put("/api/preferences", body, content_type="application/json")
    assert answer.status_code == status
    assert said in answer.content.decode()
    assert preferences.of(alice) == preferences.from_stored(None)


def test_muting_by_the_api(client, alice):
    subscriptions.subscribe(alice, f"author:{person('carol').pk}")
    (channel,) = (name for name in subscriptions.channels_of(alice) if name.startswith("author:"))
    client.force_login(alice)
    assert post(client, "/api/mute", {"channel": channel, "muted": True}).json() == {
        "channel": channel,
        "muted": True,
        "changed": True,
    }
    assert channel not in subscriptions.channels_of(alice)
    for other in (f"user:{alice.pk}", "author:999999", "nonsense"):
        assert post(client, "/api/mute", {"channel": other, "muted": True}).status_code == 404


@pytest.mark.parametrize("path", READS)
def test_without_a_session_nothing_is_read(client, path):
    assert client.get(path).status_code == 401


@pytest.mark.parametrize(("path", "body"), WRITES)
def test_without_a_session_nothing_is_written(client, path, body):
    assert post(client, path, body).status_code == 401


def test_a_stranger_reads_and_changes_nothing_of_others(client, alice, charlie):
    tell(alice, 2)
    subscriptions.subscribe(alice, "author:7")
    client.force_login(charlie)
    assert client.get("/api/inbox").json()["items"] == []
    assert client.get("/api/events?after=0").json()["items"] == []
    for path, body in WRITES:
        post(client, path, body)
    client.put("/api/preferences", '{"kinds": {}, "quiet": {"on": true}}', content_type="application/json")
    assert inbox.unread_count(alice) == 2
    assert len(inbox.items(alice)) == 2
    assert preferences.of(alice) == preferences.from_stored(None)
    assert "author:7" in subscriptions.channels_of(alice)


@pytest.mark.parametrize("path", ["/api/unread", "/api/events?after=0"])
def test_a_tab_of_the_previous_session_is_refused(client, alice, charlie, path):
    client.force_login(charlie)
    joined = "&" if "?" in path else "?"
    assert client.get(f"{path}{joined}user={charlie.pk}").status_code == 200
    assert client.get(f"{path}{joined}user={alice.pk}").status_code == 403


@pytest.mark.parametrize(("path", "body"), WRITES)
def test_another_site_cannot_write_with_the_readers_cookie(alice, path, body):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert post(client, path, body).status_code == 403
    client.get("/notifications/preferences/")
    token = client.cookies["csrftoken"].value
    assert post(client, path, body, **{"X-CSRFToken": token}).status_code in (200, 404)


def test_a_page_of_the_api_takes_five_queries(client, alice, django_assert_max_num_queries):
    tell(alice, 60)
    client.force_login(alice)
    with django_assert_max_num_queries(5):
        assert len(client.get("/api/inbox").json()["items"]) == inbox.PAGE


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize(
    ("body", "content_type"),
    [(b"x", "multipart/form-data"), (b" " * 3_000_000, "application/json")],
    ids=["a form without its boundary", "more than Django reads"],
)
def test_a_body_that_cannot_be_read_is_a_400(alice, settings, debug, body, content_type):
    settings.DEBUG = debug
    client = Client(raise_request_exception=False, enforce_csrf_checks=True)
    client.force_login(alice)
    client.get("/accounts/login/")
    token = {"X-CSRFToken": client.cookies["csrftoken"].value}
    answer = client.post("/api/read", body, content_type=content_type, headers=token)
    assert answer.status_code == 400
    assert answer.json()["detail"]


@pytest.mark.parametrize("number", ["0000000000000000000099999999999999999999", "9" * 5000, "-1", "١", "1e3"])
def test_a_number_that_is_no_position_is_refused_wherever_it_comes_in(client, alice, number):
    client.force_login(alice)
    assert client.get(f"/notifications/?before={number}").status_code == 400
    assert client.post("/notifications/read/", {"through": number}).status_code == 400
    assert client.post("/notifications/change/", {"action": "read", "position": number}).status_code == 400
    assert client.post(f"/notifications/{number}/read/").status_code == 404
    for path in (f"inbox?before={number}", f"events?after={number}", f"inbox?limit={number}"):
        assert client.get(f"/api/{path}").status_code == 422
    assert post(client, "/api/read", {"positions": [number]}).status_code == 422
    assert post(client, "/api/read", {"through": number}).status_code == 422
    assert client.get(f"/orders/{number}/").status_code == 404
    assert client.get(f"/orders/{number}/pay/").status_code == 404
