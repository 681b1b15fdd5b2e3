"""The inbox: what is unread, for whom, and what reading changes."""

import random
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from notifications import inbox, log, subscriptions
from notifications.models import Event, Reading, Subscription

pytestmark = pytest.mark.django_db(transaction=True)


def tell(user, count: int = 1) -> None:
    for number in range(count):
        log.append(f"user:{user.pk}", "happened", {"number": number}, url="/products/")


def test_what_was_told_while_away_is_found_unread(alice):
    tell(alice, 3)
    assert inbox.unread_count(alice) == 3
    assert [item.position for item in inbox.items(alice)] == [3, 2, 1]
    assert [vars(item)["is_unread"] for item in inbox.items(alice)] == [True, True, True]


def test_a_person_who_came_in_bulk_finds_everything_after_the_first_log_in(client, alice):
    Subscription.objects.all().delete()
    tell(alice)
    client.force_login(alice)
    assert inbox.unread_count(alice) == 1


def test_reading_one_item_reads_no_other(client, alice):
    tell(alice, 3)
    client.force_login(alice)
    answer = client.post(reverse("notifications:mark_read", args=[2]))
    assert (answer.status_code, answer["Location"]) == (302, "/products/")
    assert [item.position for item in inbox.items(alice, unread_only=True)] == [3, 1]
    client.post(reverse("notifications:mark_read", args=[2]))
    assert Reading.objects.count() == 1


def test_marking_all_read_is_one_update_and_spares_what_came_after_the_page(client, alice):
    tell(alice, 3)
    client.force_login(alice)
    through = log.head()
    tell(alice)
    with CaptureQueriesContext(connection) as queries:
        inbox.mark_all_read(alice, through)
    changed = [query["sql"] for query in queries if not query["sql"].startswith(("SELECT", "WITH", "BEGIN", "COMMIT"))]
    # The rest tells the person's other pages.
    assert [sql for sql in changed if "subscription" in sql or "reading" in sql] == changed[:1]
    assert changed[0].startswith("UPDATE")
    assert [item.position for item in inbox.items(alice, unread_only=True)] == [4]
    client.post(reverse("notifications:mark_all_read"))
    assert inbox.unread_count(alice) == 0


def test_the_count_stops_at_its_cap(alice):
    tell(alice, 105)
    assert inbox.unread_count(alice) == 100
    assert inbox.unread_label(100) == "99+"
    assert inbox.unread_label(99) == "99"


def test_pages_go_by_position(client, alice, monkeypatch):
    monkeypatch.setattr(inbox, "PAGE", 3)
    tell(alice, 7)
    client.force_login(alice)
    seen, before = [], ""
    while True:
        context = client.get(reverse("notifications:inbox"), {"before": before}).context
        seen += [item.position for item in context["items"]]
        if context["next_cursor"] is None:
            break
        before = context["next_cursor"]
    assert seen == [7, 6, 5, 4, 3, 2, 1]


def test_a_stranger_reads_and_marks_nothing_of_others(client, alice, charlie):
    tell(alice)
    client.force_login(charlie)
    assert client.post(reverse("notifications:mark_read", args=[1])).status_code == 404
    client.post(reverse("notifications:mark_all_read"))
    assert list(client.get(reverse("notifications:inbox")).context["items"]) == []
    assert inbox.unread_count(alice) == 1


def test_nobody_reads_without_logging_in(client):
    for name in ("notifications:inbox",):
        assert client.get(reverse(name)).status_code == 302
    assert client.post(reverse("notifications:mark_all_read"))["Location"].startswith("/accounts/login/")


def test_changes_are_posts(client, alice):
    tell(alice)
    client.force_login(alice)
    assert client.get(reverse("notifications:mark_all_read")).status_code == 405
    assert client.get(reverse("notifications:mark_read", args=[1])).status_code == 405
    assert inbox.unread_count(alice) == 1


@pytest.mark.parametrize(
    "query", ["show=some", "before=x", "before=-1", "before=1.5", "before=" + "9" * 40, "before=１"]
)
def test_a_malformed_query_is_a_clear_400(client, alice, query):
    client.force_login(alice)
    assert client.get(f"{reverse('notifications:inbox')}?{query}").status_code == 400


@pytest.mark.parametrize("position", ["0", "99", "9" * 40])
def test_an_item_that_is_not_there_is_a_404(client, alice, position):
    client.force_login(alice)
    assert client.post(f"/notifications/{position}/read/").status_code == 404


def test_marking_all_read_leads_back_to_where_it_was_asked_but_to_no_other_site(client, alice):
    client.force_login(alice)
    for back, leads_to in (
        ("/", "/"),
        ("https://evil.example/", "/notifications/"),
        ("//evil.example", "/notifications/"),
        ("/\\evil.example", "/notifications/"),
        # redirect() takes what has neither a slash nor a dot for the name of a view.
        *((word, "/notifications/") for word in ("?", "#", "x", "a:b", "javascript:alert(1)", "", " ", "\x00")),
    ):
        assert client.post("/notifications/read/", {"next": back})["Location"] == leads_to


def test_a_link_to_another_site_is_not_followed(client, alice):
    Event.objects.create(channel=f"user:{alice.pk}", kind="happened", url="//evil.example/")
    log.sequence()
    client.force_login(alice)
    answer = client.post(reverse("notifications:mark_read", args=[1]))
    assert answer["Location"] == reverse("notifications:inbox")


def test_the_unread_count_never_drifts(alice):
    """The derived count equals a slow one after random operations."""
    chance = random.Random(7)
    channels = [f"user:{alice.pk}", "author:1", "author:2", "author:3"]
    told: list[tuple[int, str]] = []
    joined: dict[str, int] = {channels[0]: 0}
    muted: set[str] = set()
    through = dict.fromkeys(channels, 0)
    read: set[int] = set()
    for _ in range(150):
        channel = chance.choice(channels)
        match chance.randrange(6):
            case 0 | 1 | 2:
                log.append(channel, "happened")
                told.append((log.head(), channel))
            case 3 if channel != channels[0]:
                if channel in joined:
                    subscriptions.unsubscribe(alice, channel)
                    joined.pop(channel)
                    muted.discard(channel)
                else:
                    joined[channel] = log.head()
                    through[channel] = 0
                    subscriptions.subscribe(alice, channel)
            case 4 if told:
                position, _channel = chance.choice(told)
                if inbox.mark_read(alice, position):
                    read.add(position)
            case 5 if chance.random() < 0.3:
                head = inbox.mark_all_read(alice)
                through = {name: head if name in joined else seen for name, seen in through.items()}
        slow = sum(
            channel in joined
            and channel not in muted
            and position > joined[channel]
            and position > through[channel]
            and position not in read
            for position, channel in told
        )
        assert inbox.unread_count(alice) == slow


def test_a_page_takes_few_queries(client, alice):
    tell(alice, 30)
    client.force_login(alice)
    with CaptureQueriesContext(connection) as queries:
        client.get(reverse("notifications:inbox"))
    # Session, user, cursor, items, unread count.
    assert len(queries) <= 5, "\n".join(query["sql"] for query in queries)


def test_the_page_carries_the_cursor_from_before_it_read_anything(client, alice, monkeypatch):
    """Trap 25: what happens while the page is made must come through the stream."""
    client.force_login(alice)

    def page(user, limit):
        found = inbox.page(user, limit)
        tell(alice)
        return found

    monkeypatch.setattr("config.views.inbox", SimpleNamespace(page=page))
    context = client.get("/").context
    assert context["items"] == []
    assert context["notifications"]["cursor"] == 0
    assert log.head() == 1
    assert f'data-cursor="1" data-epoch="{log.bounds().epoch}"' in client.get("/notifications/").content.decode()
