"""Batch authentication agrees with Django's own middleware, rule by rule."""

from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from io import BytesIO
from typing import NamedTuple

import pytest
from django.conf import settings as site
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import User
from django.contrib.sessions.middleware import SessionMiddleware
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse
from django.utils import timezone

from notifications.stream.authentication import authenticate_all
from tests.support.asgi import http_scope
from tests.support.people import person

pytestmark = pytest.mark.django_db(transaction=True)

SITE = "config.login.LimitedBackend"
ALLOW_ALL = "django.contrib.auth.backends.AllowAllUsersModelBackend"
FRIENDLY, STRICT = f"{__name__}.FriendlyBackend", f"{__name__}.StrictBackend"


class FriendlyBackend(ModelBackend):
    """Finds users in its own way."""

    def get_user(self, user_id):
        return User.objects.get(pk=user_id)


class StrictBackend(ModelBackend):
    """Finds no user."""

    def get_user(self, user_id):
        return None


def stored_session(key: str | None = None):
    return import_module(site.SESSION_ENGINE).SessionStore(key)


def change_session(key: str, **changes) -> None:
    session = stored_session(key)
    session.update(changes)
    session.save()


def log_in(user, **changes) -> str:
    """Returns the cookie of a new session. changes: values that login() would not have written."""
    session = stored_session()
    session[SESSION_KEY], session[BACKEND_SESSION_KEY] = str(user.pk), SITE
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.update(changes)
    session.save()
    return session.session_key


def request_with(cookie: str | None) -> ASGIRequest:
    headers = {"host": "localhost"} | ({} if cookie is None else {"cookie": f"sessionid={cookie}"})
    return ASGIRequest(http_scope("/events/", headers=headers), BytesIO())


class Outcome(NamedTuple):
    user_id: int | None
    authenticated: bool
    session_is_empty: bool
    session_has_key: bool
    session_names: tuple[str, ...]


def outcome(request: ASGIRequest) -> Outcome:
    user, session = request.user, request.session
    # First the user: Django finds it when it is used, and then may change the session.
    user_id, authenticated = user.pk, user.is_authenticated
    names = tuple(sorted(session.keys()))
    return Outcome(user_id, authenticated, session.is_empty(), session.session_key is not None, names)


def by_django(request: ASGIRequest) -> Outcome:
    for middleware in (SessionMiddleware, AuthenticationMiddleware):
        middleware(lambda _request: HttpResponse()).process_request(request)
    return outcome(request)


def in_a_batch(*requests: ASGIRequest) -> list[Outcome]:
    authenticate_all(requests)
    return [outcome(request) for request in requests]


# Each rule: whether it authenticates the user, and a function that makes the situation. The function takes the user, the
# cookies of two of the user's sessions and pytest-django's settings, and may return two other cookies.
Situation = Callable[..., object]
RULES: list[tuple[bool, Situation]] = []


def rule(*, authenticated: bool):
    def add(situation: Situation) -> Situation:
        RULES.append((authenticated, situation))
        return situation

    return add


@rule(authenticated=True)
def a_session_as_login_makes_it(alice, cookies, settings): ...


@rule(authenticated=False)
def no_cookie(alice, cookies, settings):
    return None, None


@rule(authenticated=False)
def an_empty_cookie(alice, cookies, settings):
    return "", ""


@rule(authenticated=False)
def a_key_without_a_row(alice, cookies, settings):
    return "k" * 32, "l" * 32


@rule(authenticated=False)
def a_key_that_is_too_short(alice, cookies, settings):
    return "short", "short"


@rule(authenticated=False)
def an_expired_row(alice, cookies, settings):
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))


@rule(authenticated=False)
def data_that_is_not_signed(alice, cookies, settings):
    Session.objects.filter(session_key__in=cookies).update(session_data="e30:1tampered:with")


@rule(authenticated=False)
def data_with_a_wrong_signature(alice, cookies, settings):
    for session in Session.objects.filter(session_key__in=cookies):
        session.session_data = session.session_data[:-3] + "xyz"
        session.save()


@rule(authenticated=False)
def a_session_without_a_user(alice, cookies, settings):
    for cookie in cookies:
        session = stored_session(cookie)
        session.pop(SESSION_KEY)
        session["basket"] = [1]
        session.save()


@rule(authenticated=False)
def a_backend_that_was_removed_from_the_settings(alice, cookies, settings):
    settings.AUTHENTICATION_BACKENDS = [ALLOW_ALL]


@rule(authenticated=False)
def a_backend_that_does_not_exist(alice, cookies, settings):
    for cookie in cookies:
        change_session(cookie, **{BACKEND_SESSION_KEY: "elsewhere.Backend"})


@rule(authenticated=True)
def a_backend_that_finds_users_in_its_own_way(alice, cookies, settings):
    settings.AUTHENTICATION_BACKENDS = [SITE, ALLOW_ALL, FRIENDLY]
    for cookie in cookies:
        change_session(cookie, **{BACKEND_SESSION_KEY: FRIENDLY})


@rule(authenticated=False)
def a_backend_that_refuses_the_user(alice, cookies, settings):
    settings.AUTHENTICATION_BACKENDS = [SITE, ALLOW_ALL, STRICT]
    for cookie in cookies:
        change_session(cookie, **{BACKEND_SESSION_KEY: STRICT})


@rule(authenticated=False)
def an_inactive_user(alice, cookies, settings):
    User.objects.filter(pk=alice.pk).update(is_active=False)


@rule(authenticated=True)
def an_inactive_user_of_a_backend_that_allows_them(alice, cookies, settings):
    for cookie in cookies:
        change_session(cookie, **{BACKEND_SESSION_KEY: ALLOW_ALL})
    User.objects.filter(pk=alice.pk).update(is_active=False)


@rule(authenticated=False)
def a_changed_password(alice, cookies, settings):
    alice.set_password("another")
    alice.save()


@rule(authenticated=False)
def a_session_without_a_hash(alice, cookies, settings):
    for cookie in cookies:
        change_session(cookie, **{HASH_SESSION_KEY: ""})


@rule(authenticated=False)
def a_deleted_user(alice, cookies, settings):
    alice.delete()


@rule(authenticated=False)
def an_id_that_no_user_has(alice, cookies, settings):
    for cookie in cookies:
        change_session(cookie, **{SESSION_KEY: str(alice.pk + 1000)})


@rule(authenticated=True)
def a_secret_key_that_is_now_a_fallback(alice, cookies, settings):
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "the next secret " * 4


@rule(authenticated=False)
def a_secret_key_that_is_gone(alice, cookies, settings):
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [], "the next secret " * 4


@pytest.mark.parametrize(("authenticated", "situation"), RULES, ids=[rule[1].__name__ for rule in RULES])
def test_a_batch_agrees_with_djangos_middleware(alice, settings, authenticated, situation):
    settings.AUTHENTICATION_BACKENDS = [SITE, ALLOW_ALL]
    # A session for each way, since both may change what is stored.
    cookies = log_in(alice), log_in(alice)
    ours, djangos = situation(alice, cookies, settings) or cookies
    bob = person("bob")
    beside = request_with(log_in(bob, **{BACKEND_SESSION_KEY: ALLOW_ALL}))
    found, other = in_a_batch(request_with(ours), beside)
    assert found == by_django(request_with(djangos))
    assert found.authenticated == authenticated
    # The other requests of the batch are not affected.
    assert other.user_id == bob.pk


@pytest.mark.parametrize("engine", ["signed_cookies", "cache", "cached_db", "file"])
@pytest.mark.parametrize("changed", [False, True])
def test_a_batch_agrees_with_djangos_middleware_on_other_session_engines(alice, settings, tmp_path, engine, changed):
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    settings.SESSION_FILE_PATH = str(tmp_path)
    ours, djangos = log_in(alice), log_in(alice)
    if changed:
        alice.set_password("another")
        alice.save()
    found, missing = in_a_batch(request_with(ours), request_with("k" * 32))
    assert found == by_django(request_with(djangos))
    assert found.authenticated is not changed
    assert missing == by_django(request_with("l" * 32))


def test_an_id_of_another_user_model_is_anonymous_where_djangos_middleware_fails(alice):
    ours, djangos = (log_in(alice, **{SESSION_KEY: "9d3e0e9a-not-a-number"}) for _ in range(2))
    with pytest.raises(ValidationError):
        by_django(request_with(djangos))
    found, other = in_a_batch(request_with(ours), request_with(log_in(alice)))
    assert not found.authenticated
    assert other.user_id == alice.pk


def test_a_stream_keeps_the_session_of_a_secret_key_that_is_now_a_fallback(alice, settings):
    """Django's middleware gives such a session a new key, and sends it in a cookie; a stream's response has none."""
    cookie = log_in(alice)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "the next secret " * 4
    for _ in range(2):
        (found,) = in_a_batch(request_with(cookie))
        assert found.user_id == alice.pk
    assert by_django(request_with(cookie)).user_id == alice.pk
