"""Control events: what changes an open stream."""

import pytest
from django.contrib.auth import logout
from django.http import HttpRequest
from django.test import Client

from notifications import subscriptions
from notifications.stream import EventStream
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
