"""The inbox as it is read: by day, grouped."""

from datetime import timedelta

import pytest
from django.utils import timezone, translation

from notifications import inbox, log, preferences
from notifications.inbox import groups
from notifications.inbox.groups import Group
from notifications.models import Event
from notifications.preferences import Quiet

pytestmark = pytest.mark.django_db(transaction=True)


def ordered(user, count: int = 1, kind: str = "order.placed") -> None:
    data = {"number": 1, "buyer": "bob", "product": "Mug", "amount": "12.00", "currency": "EUR"}
    for _ in range(count):
        log.append(f"seller:{user.pk}", kind, data)


def lines(user) -> list[list[str]]:
    return [[line.title for line in day.lines] for day in groups.by_day(inbox.items(user), with_today=True)]


def test_what_belongs_together_is_one_line(alice):
    ordered(alice, 3)
    assert lines(alice) == [["3 new orders"]]
    with translation.override("zh-hans"):
        assert lines(alice) == [["3 笔新订单"]]


def test_two_stay_two_and_kinds_stay_apart(alice):
    ordered(alice, 2)
    ordered(alice, 3, "order.paid")
    log.append(f"user:{alice.pk}", "payment.failed", {"number": 9, "product": "x", "amount": "1", "currency": "EUR"})
    assert lines(alice) == [
        ["Your payment for order 9 failed", "3 orders paid", "bob placed order 1", "bob placed order 1"]
    ]


def test_posts_are_grouped_by_their_author(alice):
    from notifications import subscriptions

    for author, name in (("7", "carol"), ("8", "dave")):
        subscriptions.subscribe(alice, f"author:{author}")
        for number in range(4):
            log.append(f"author:{author}", "post.published", {"author": name, "title": str(number)})
    assert lines(alice) == [["dave published 4 posts", "carol published 4 posts"]]


def test_read_and_unread_are_not_mixed_and_an_inbox_of_many_kinds_loses_nothing(alice):
    ordered(alice, 3)
    inbox.mark_all_read(alice)
    ordered(alice, 4)
    (day,) = groups.by_day(inbox.items(alice), with_today=True)
    assert [(line.title, line.is_unread) for line in day.lines if isinstance(line, Group)] == [
        ("4 new orders", True),
        ("3 new orders", False),
    ]
    assert sum(len(line.members) for line in day.lines if isinstance(line, Group)) == 7


def test_days_are_those_of_the_persons_zone(client, alice):
    ordered(alice, 3)
    # 23:30 of the day before in London is the next morning in Shanghai.
    evening = timezone.now().replace(hour=23, minute=30) - timedelta(days=3)
    Event.objects.filter(kind="order.placed", position=1).update(created_at=evening)
    client.force_login(alice)
    found = {}
    for zone in ("Europe/London", "Asia/Shanghai"):
        preferences.save(alice, preferences.checked({}, Quiet(zone=zone)))
        found[zone] = client.get("/notifications/").context["days"][-1].date
    assert found["Asia/Shanghai"] - found["Europe/London"] == timedelta(days=1)


def test_today_is_there_to_receive_what_comes_but_not_on_older_pages(client, alice):
    ordered(alice)
    client.force_login(alice)
    for query, live in (("", True), ("?show=unread", True), ("?before=1", False), ("?kind=order.placed", False)):
        answer = client.get(f"/notifications/{query}")
        assert answer.context["live"] is live
        assert (b"data-live" in answer.content) is live
    assert client.get("/notifications/?before=1").context["days"] == []


def test_the_page_shows_one_kind(client, alice):
    ordered(alice)
    ordered(alice, 1, "order.paid")
    client.force_login(alice)
    assert [item.kind for item in client.get("/notifications/?kind=order.paid").context["items"]] == ["order.paid"]
    assert client.get("/notifications/?kind=finish").status_code == 400


def test_a_page_of_fifty_takes_five_queries(client, alice, django_assert_max_num_queries):
    for kind in ("order.placed", "order.paid", "order.expired", "payment.failed"):
        ordered(alice, 20, kind)
    client.force_login(alice)
    # Session, person, cursor with preferences, items, unread count.
    with django_assert_max_num_queries(5):
        page = client.get("/notifications/")
    assert page.content.count(b'data-position="') == inbox.PAGE
