"""Control events: what changes an open stream."""

import asyncio
from datetime import timedelta

import pytest
from django.contrib.auth import logout
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.http import HttpRequest
from django.test import Client
from django.utils import timezone

from notifications import log, preferences, subscriptions
from notifications.preferences import Choice, Quiet
from notifications.stream import EventStream, Plan, authentication, each, hub
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


def expire(seconds: float) -> None:
    Session.objects.update(expire_date=timezone.now() + timedelta(seconds=seconds))


def test_a_stream_ends_with_its_session(alice):
    cookie = cookies_of(alice)
    expire(0.5)

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie).opened()
        await reader.end()
        again = Reader(EventStream(), "/events/", cookie)
        await again.end()
        return reader, again

    reader, again = run(scenario)
    assert [event.event for event in reader.events] == ["bye"]
    assert again.status == 204


def test_a_stream_goes_on_with_a_session_that_other_requests_renew(alice):
    cookie = cookies_of(alice)
    expire(0.5)

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie).opened()
        (stream,) = hub.get_hub().streams
        await in_thread(expire, 3600)
        checked = asyncio.Event()
        recheck = type(stream).recheck

        def recheck_and_say(self) -> None:
            recheck(self)
            checked.set()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(stream), "recheck", recheck_and_say)
            async with asyncio.timeout(20):
                await checked.wait()
        await in_thread(log.append, f"user:{alice.pk}", "happened")
        await reader.until(lambda r: r.events)
        await reader.leave()
        return reader

    assert [event.event for event in run(scenario).events] == ["happened"]


def test_a_session_whose_backend_does_not_say_when_it_expires_is_looked_at_regularly(alice, settings, monkeypatch):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    monkeypatch.setattr(authentication, "RECHECK_SECONDS", 0.3)
    cookie = cookies_of(alice)

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie).opened()
        await in_thread(cache.clear)
        await reader.end()
        return reader

    assert [event.event for event in run(scenario).events] == ["bye"]
