"""Control events: what changes an open stream."""

import pytest
from django.contrib.auth import logout
from django.http import HttpRequest
from django.test import Client

from notifications import preferences, subscriptions
from notifications.preferences import Choice, Quiet
from notifications.stream import EventStream, Plan, each
from tests.notifications.stream.events import append, own_channel
from tests.support.asgi import Reader, cookies_of, in_thread, run

pytestmark = pytest.mark.django_db(transaction=True)


def test_following_and_unfollowing_take_effect_on_an_open_stream(alice):
    cookie = cookies_of(alice)

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie).opened()
        await in_thread(append, "author:7", 1, "before")
        await in_thread(subscriptions.subscribe, alice, "author:7")
        await in_thread(append, "author:7", 1, "while")
        await in_thread(subscriptions.set_muted, alice, "author:7", muted=True)
        await in_thread(append, "author:7", 1, "muted")
        await in_thread(subscriptions.set_muted, alice, "author:7", muted=False)
        await in_thread(append, "author:7", 1, "heard again")
        await in_thread(subscriptions.unsubscribe, alice, "author:7")
        await in_thread(append, "author:7", 1, "after")
        await in_thread(append, own_channel(alice), 1, "end")
        await reader.until(lambda r: r.told() and r.told()[-1][1] == "end")
        await reader.leave()
        return [kind for _position, kind in reader.told()]

    # What a mute or an unfollow takes away unread is told to the badges.
    assert run(scenario) == ["while", "inbox.read", "heard again", "inbox.read", "end"]


@pytest.mark.parametrize("start", [0, None])
def test_a_stream_of_one_thing_is_changed_by_neither_subscriptions_nor_preferences(alice, start):
    """Opened before the change or after it, both carry the same."""
    cookie = cookies_of(alice)
    planned = EventStream(each(lambda _request, _kwargs: Plan({"author:7": 0}, start=start)))
    subscriptions.subscribe(alice, "author:7")

    def change_all():
        subscriptions.subscribe(alice, "author:8")
        preferences.save(alice, preferences.checked({"post.published": Choice(page=False)}, Quiet()))
        subscriptions.set_muted(alice, "author:7", muted=True)
        subscriptions.unsubscribe(alice, "author:7")

    async def scenario():
        before = await Reader(planned, "/one/", cookie).opened()
        everything = await Reader(EventStream(), "/events/", cookie).opened()
        await in_thread(change_all)
        after = await Reader(planned, "/one/", cookie).opened()
        await in_thread(append, "author:8", 1)
        await in_thread(append, "author:7", 1, "post.published")
        await in_thread(append, "author:7", 1, "end")
        await in_thread(append, own_channel(alice), 1, "end")
        for reader in (before, after, everything):
            await reader.until(lambda r: r.told() and r.told()[-1][1] == "end")
            await reader.leave()
        return before, after, everything

    before, after, everything = run(scenario)
    assert [kind for _position, kind in before.told()] == ["post.published", "end"]
    assert after.told() == before.told()
    # The stream of all channels follows them.
    assert [kind for _position, kind in everything.told() if not kind.startswith("inbox.")] == ["happened", "end"]


def test_logging_out_ends_the_streams_of_that_session_only(alice):
    client, other = Client(), cookies_of(alice)
    client.force_login(alice)
    cookie = f"sessionid={client.cookies['sessionid'].value}".encode()

    def log_out():
        request = HttpRequest()
        request.session, request.user = client.session, alice
        logout(request)

    async def scenario():
        leaving = await Reader(EventStream(), "/events/", cookie).opened()
        staying = await Reader(EventStream(), "/events/", other).opened()
        await in_thread(log_out)
        await leaving.end()
        await in_thread(append, own_channel(alice))
        await staying.until(lambda r: r.events)
        await staying.leave()
        again = await Reader(EventStream(), "/events/", cookie, last_event_id="1").end()
        return leaving, staying, again

    leaving, staying, again = run(scenario)
    assert leaving.told() == []
    assert [kind for _position, kind in staying.told()] == ["happened"]
    assert again.status == 204


@pytest.mark.parametrize("change", ["password", "is_active", "delete"])
def test_a_changed_password_a_deactivation_or_a_deletion_ends_all_streams(alice, change):
    cookie = cookies_of(alice)

    def apply():
        if change == "delete":
            alice.delete()
            return
        if change == "password":
            alice.set_password("another")
        else:
            alice.is_active = False
        alice.save()

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie).opened()
        await in_thread(apply)
        return await reader.end()

    assert [event.event for event in run(scenario).events] == ["bye"]
