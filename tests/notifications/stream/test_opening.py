"""Many streams opened together: each is let in, or not, as it would be alone."""

import asyncio
import threading
from datetime import timedelta
from importlib import import_module
from io import BytesIO

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.backends import ModelBackend
from django.contrib.sessions.models import Session
from django.core.handlers.asgi import ASGIRequest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from notifications import log, preferences, subscriptions
from notifications.concurrency import Batcher
from notifications.preferences import Choice, Quiet
from notifications.stream import Plan, Refused, each
from notifications.stream.opening import Opener, everything_for
from notifications.stream.plan import AcceptedRequest
from notifications.stream.request import StreamRequest
from tests.support.asgi import http_scope
from tests.support.people import person

pytestmark = pytest.mark.django_db(transaction=True)

BACKEND = "config.login.LimitedBackend"


class OtherBackend(ModelBackend):
    """Looks its people up in a way of its own."""

    def get_user(self, user_id):
        user = super().get_user(user_id)
        return user if user and user.username != "mallory" else None


def session_of(user, **changes) -> str:
    """Logs a person in; returns the session's key. changes: what the session says otherwise."""
    client = Client()
    client.force_login(user, backend=BACKEND)
    session = client.session
    for key, value in changes.items():
        session[key] = value
    session.save()
    return str(session.session_key)


def ask(key: str = "", query: str = "") -> StreamRequest:
    scope = http_scope("/events/", query=query, headers={"host": "localhost", "cookie": f"sessionid={key}"})
    return StreamRequest(ASGIRequest(scope, BytesIO()), {})


def let_in(*asks: StreamRequest) -> list:
    """The person let in for each request, or the status of the refusal."""
    found = Opener(everything_for).open_all(asks)
    return [one.status if isinstance(one, Refused) else getattr(one, "user_id", one) for one in found]


def test_each_of_many_gets_what_it_would_get_alone(settings):
    settings.AUTHENTICATION_BACKENDS = [BACKEND, f"{__name__}.OtherBackend"]
    alice, bob, carol, dave, mallory = (person(name) for name in ("alice", "bob", "carol", "dave", "mallory"))
    right, again = session_of(alice), session_of(alice)
    changed, deactivated, deleted, expired = session_of(bob), session_of(carol), session_of(dave), session_of(alice)
    bob.set_password("another")
    bob.save()
    carol.is_active = False
    carol.save()
    Session.objects.filter(session_key=expired).update(expire_date=timezone.now() - timedelta(seconds=1))
    other = session_of(alice, **{BACKEND_SESSION_KEY: f"{__name__}.OtherBackend"})
    refused = session_of(mallory, **{BACKEND_SESSION_KEY: f"{__name__}.OtherBackend"})
    gone = session_of(alice, **{BACKEND_SESSION_KEY: "elsewhere.Backend"})
    unhashed = session_of(alice, **{HASH_SESSION_KEY: ""})
    strange = session_of(alice, **{SESSION_KEY: "not a number"})
    dave.delete()
    asks = [
        ask(right),
        ask(),
        ask("nobody has this key"),
        ask(again),
        *map(ask, (changed, deactivated, deleted, expired, other, refused, gone, unhashed, strange)),
        ask(right, query=f"user={alice.pk}"),
        ask(right, query=f"user={mallory.pk}"),
    ]
    a = alice.pk
    assert let_in(*asks) == [a, 204, 204, a, 204, 204, 204, 204, a, 204, 204, 204, 204, a, 204]
    for one in asks:
        # Alone as in company.
        assert let_in(StreamRequest(one.request, {})) == let_in(one)


def test_the_queries_do_not_grow_with_those_who_ask():
    counts = []
    for number in (1, 30):
        people = [person(f"reader{number}-{index}") for index in range(number)]
        for one in people:
            subscriptions.subscribe(one, "author:1")
        asks = [ask(session_of(one)) for one in people]
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert let_in(*asks) == [one.pk for one in people]
        counts.append(len(queries))
    # The sessions, the people, their channels, their choices, the log's bounds.
    assert counts == [5, 5]


def test_everyone_hears_the_own_channels_and_choices_alone():
    alice, bob, carol = person("alice"), person("bob"), person("carol")
    subscriptions.subscribe(alice, "author:7")
    subscriptions.subscribe(bob, "author:8")
    subscriptions.set_muted(bob, "author:8", muted=True)
    preferences.save(carol, preferences.checked({"post.published": Choice(page=False, toast=False)}, Quiet()))
    found = Opener(everything_for).open_all([ask(session_of(one)) for one in (alice, bob, carol)])
    opened = [one for one in found if isinstance(one, AcceptedRequest)]
    own = [{f"user:{one.pk}", f"seller:{one.pk}"} for one in (alice, bob, carol)]
    assert [set(one.plan.channels) for one in opened] == [own[0] | {"author:7"}, own[1], own[2]]
    assert [one.plan.silenced for one in opened] == [frozenset(), frozenset(), frozenset({"post.published"})]
    assert {one.bounds for one in opened} == {log.bounds()}


@pytest.mark.parametrize("engine", ["signed_cookies", "cache", "cached_db"])
def test_other_session_engines_are_asked_one_by_one(settings, engine):
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    alice = person("alice")
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    store[SESSION_KEY], store[BACKEND_SESSION_KEY] = str(alice.pk), BACKEND
    store[HASH_SESSION_KEY] = alice.get_session_auth_hash()
    store.save()
    assert let_in(ask(store.session_key), ask("wrong")) == [alice.pk, 204]


def test_a_session_signed_with_the_secret_before_this_one_is_taken(settings):
    alice = person("alice")
    key = session_of(alice)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "the next secret " * 4
    assert let_in(ask(key)) == [alice.pk]


def test_a_planner_that_fails_for_one_fails_for_that_one_alone():
    alice, bob = person("alice"), person("bob")

    def plan(request, _kwargs):
        if request.user == bob:
            raise ZeroDivisionError
        return Plan({"a:1": 0})

    found = Opener(each(plan)).open_all([ask(session_of(one)) for one in (alice, bob, alice)])
    assert [type(one) for one in found] == [AcceptedRequest, ZeroDivisionError, AcceptedRequest]


def test_work_that_comes_meanwhile_is_done_together_and_in_its_order():
    batches, begun, go = [], threading.Event(), threading.Event()

    def work(items):
        batches.append(list(items))
        begun.set()
        assert go.wait(10)
        return [ValueError(item) if item == 3 else item * 10 for item in items]

    async def scenario():
        together = Batcher(work, name="test", most=4)
        tasks = [asyncio.create_task(together.submit(item)) for item in range(1, 8)]
        assert await asyncio.to_thread(begun.wait, 10)
        tasks[4].cancel()
        go.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        return found, await together.submit(8)

    found, later = asyncio.run(scenario())
    assert batches == [[1, 2, 3, 4], [5, 6, 7], [8]]
    assert [str(one) if isinstance(one, BaseException) else one for one in found] == [10, 20, "3", 40, "", 60, 70]
    assert isinstance(found[4], asyncio.CancelledError)
    assert later == 80


def test_work_that_fails_fails_for_all_who_wait_for_it_and_for_nobody_after():
    answers = [OSError("away"), None]

    def work(items):
        failure = answers.pop(0)
        if failure:
            raise failure
        return items

    async def scenario():
        together = Batcher(work, name="test", most=4)
        first = await asyncio.gather(together.submit(1), together.submit(2), return_exceptions=True)
        return first, await together.submit(3)

    first, later = asyncio.run(scenario())
    assert [str(one) for one in first] == ["away", "away"]
    assert later == 3
