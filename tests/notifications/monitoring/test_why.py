"""Why did X get, or not get, this?"""

from datetime import time

import pytest
from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Permission, User
from django.utils import timezone

from notifications import inbox, log, preferences, subscriptions
from notifications.models import Digest, Event, Reading, ServerProcess
from notifications.monitoring import delivery_trace, heartbeat, why
from notifications.preferences import Choice, Quiet
from notifications.stream import EventStream
from tests.support.asgi import Reader, cookies_of, in_thread, run
from tests.support.people import person

pytestmark = pytest.mark.django_db(transaction=True)
State = Reading.State
POST = {"author": "carol", "title": "News"}


@pytest.fixture
def operator() -> User:
    create_permissions(apps.get_app_config("notifications"), verbosity=0)
    user = User.objects.create_user("olga", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_event", "view_subscription"]))
    return user


def tell(channel: str, kind: str = "post.published") -> Event:
    log.append(channel, kind, POST)
    event = Event.objects.filter(channel=channel, kind=kind).order_by("-position").first()
    assert event is not None
    return event


def answers(user, event: Event) -> dict[str, tuple[bool | None, str]]:
    return {answer.question: (answer.passes, answer.words) for answer in why.explain(user, event)}


def test_what_is_heard_is_explained_from_the_account_to_the_inbox(alice):
    subscriptions.subscribe(alice, "author:1")
    since = log.head() - 1
    event = tell("author:1")
    assert answers(alice, event) == {
        "Account": (True, "active"),
        "Channel": (True, "may read author:1"),
        "Subscription": (True, f"heard since position {since}"),
        "Preference": (True, "Page: on, Toast: on, Desktop: off, Email: on"),
        "Quiet hours": (None, "not quiet then"),
        "Inbox": (True, "unread"),
        "Email": (None, "none sent to this person yet"),
    }
    inbox.mark_all_read(alice)
    assert answers(alice, event)["Inbox"] == (True, "read")
    inbox.change(alice, [event.position or 0], State.DISMISSED)
    assert answers(alice, event)["Inbox"] == (False, "dismissed by the person")


def test_what_is_not_heard_is_explained(alice):
    event = tell("author:1")
    assert answers(alice, event)["Subscription"] == (False, "none: the person does not hear this channel")
    assert answers(alice, event)["Channel"] == (False, "may not read author:1")
    assert answers(alice, event)["Inbox"] == (False, "not in it")
    subscriptions.subscribe(alice, "author:1")
    assert answers(alice, event)["Subscription"] == (False, "heard only since position 1, and this is 1")
    event = tell("author:1")
    subscriptions.set_muted(alice, "author:1", muted=True)
    assert answers(alice, event)["Subscription"] == (False, "muted")
    alice.is_active = False
    alice.save()
    assert answers(alice, event)["Account"] == (False, "deactivated")
    assert answers(alice, event)["Channel"][0] is False
    words = [step.words for step in why.steps(alice, event)]
    assert words == ["began to hear author:1", "ceased to hear author:1", "account changed"]
    assert [step.before for step in why.steps(alice, event)] == [True, False, False]


def test_preferences_quiet_hours_and_emails_are_explained(alice):
    event = tell(f"user:{alice.pk}")
    always = Quiet(on=True, start=time(0), until=time(0), zone="UTC")
    preferences.save(alice, preferences.checked({"post.published": Choice(page=False, toast=False)}, always))
    found = answers(alice, event)
    assert found["Preference"] == (False, "Page: off, Toast: off, Desktop: off, Email: on")
    assert found["Quiet hours"] == (None, "quiet then: kept, but neither toasted nor on the desktop")
    assert found["Inbox"] == (False, "not in it")
    assert found["Email"] == (None, "the person wants no emails about this kind")
    assert [step.words for step in why.steps(alice, event)] == ["switched off on the page: post.published"]
    preferences.save(alice, preferences.checked({}, Quiet()))
    Digest.objects.create(user=alice, through=7, sent_at=timezone.now())
    assert answers(alice, event)["Email"][1].startswith("what was unread up to position 7 was mailed, last at ")
    preferences.without_email(alice)
    assert answers(alice, event)["Email"] == (None, "the person wants no emails")
    assert answers(alice, tell(f"user:{alice.pk}", "inbox.read"))["Preference"][0] is None
    assert answers(alice, tell(f"user:{alice.pk}", "happened"))["Preference"] == (None, "not a registered kind")


def test_the_processes_say_which_stream_had_it_and_when(alice, operator, monkeypatch):
    monkeypatch.setattr(heartbeat, "EVERY", 0.05)
    channel, cookie, others = f"user:{alice.pk}", cookies_of(alice), cookies_of(person("charlie"))
    missed = tell(channel)

    async def scenario():
        early = await Reader(EventStream(), "/events/", cookie).opened()
        stranger = await Reader(EventStream(), "/events/", others).opened()
        event = await in_thread(tell, channel)
        await early.until(lambda r: r.told())
        late = await Reader(EventStream(), "/events/", cookie, last_event_id="0").until(lambda r: len(r.told()) == 2)
        after = await Reader(EventStream(), "/events/", cookie).opened()
        await late.leave()
        found = {}
        for asked in (event, missed):
            await in_thread(delivery_trace.ask, operator.pk, alice.pk, asked)
            told = await in_thread(why.streams, alice, asked)
            while not told.answered:
                told = await in_thread(why.streams, alice, asked)
            found[asked.position] = told
        for reader in (early, stranger, after):
            await reader.leave()
        return event, found

    event, found = run(scenario)
    assert [told.awaited for told in found.values()] == [[], []]
    told = sorted(found[event.position].streams, key=lambda stream: stream.opened_at)
    assert [stream.had for stream in told] == [True, True, False]
    early, late, after = told
    # Open when it happened: written by the fan-out; opened later: read from the log as it opened.
    assert event.created_at < early.had_at < late.opened_at <= late.had_at
    assert (early.cursor, early.position, early.delivered) == (missed.position, event.position, 1)
    assert (late.reason, late.cursor, late.delivered) == ("left", 0, 2)
    assert late.ended_at is not None
    assert (after.had_at, after.ended_at) == (None, None)
    told = sorted(found[missed.position].streams, key=lambda stream: stream.opened_at)
    assert [stream.had for stream in told] == [False, True, False]
    # The log keeps who asked after whom.
    questions = [entry.data for entry in log.read(0, channels=[delivery_trace.CHANNEL])]
    assert {(asked["asker"], asked["user"]) for asked in questions} == {(str(operator.pk), str(alice.pk))}


def test_the_page_explains_and_asks(client, alice, operator):
    event = tell(f"user:{alice.pk}")
    ServerProcess.objects.create(name="web-1:11", started_at=timezone.now(), reported_at=timezone.now())
    client.force_login(operator)
    page = f"/admin/notifications/event/{event.pk}/why/"
    assert page in client.get(f"/admin/notifications/event/{event.pk}/change/").content.decode()
    assert client.get(page).status_code == 200
    assert "There is nobody called nobody." in client.get(f"{page}?user=nobody").content.decode()
    shown = client.get(f"{page}?user=alice").content.decode()
    assert "may read user:" in shown
    assert "data-waits" not in shown
    before = log.head()
    answer = client.post(page, {"user": "alice"}, follow=True)
    assert log.head() == before + 1
    assert "Waiting for web-1:11" in answer.content.decode()
    # Whoever comes back to that address much later does not wait for ever.
    assert "data-waits" not in client.get(f"{page}?user=alice&asked=1000000000").content.decode()


def test_strangers_are_told_nothing_of_anybody(client, alice, operator):
    event = tell(f"user:{alice.pk}")
    page = f"/admin/notifications/event/{event.pk}/why/?user=alice"
    operator.user_permissions.remove(Permission.objects.get(codename="view_subscription"))
    before = log.head()
    for user, status in ((operator, 403), (person("charlie"), 302)):
        client.force_login(user)
        assert client.get(page).status_code == status
        assert client.post(page, {"user": "alice"}).status_code == status
    assert log.head() == before
