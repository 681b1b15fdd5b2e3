"""Signed tokens, on the API and on streams."""

import json
import logging
import time
from datetime import timedelta
from io import BytesIO

import pytest
from django.core import signing
from django.core.handlers.asgi import ASGIRequest
from django.core.management import CommandError, call_command
from django.test import Client

from notifications import inbox, log, tokens
from notifications.stream import EventStream
from notifications.stream.authentication import authenticate_all
from notifications.tokens import signed
from tests.notifications.tokens.support import (
    SOON,
    assert_refused_everywhere,
    bearer,
    channels_of,
    post,
    read_stream,
    tell,
    unread,
)
from tests.support.asgi import Reader, cookies_of, http_scope, in_thread, run

pytestmark = pytest.mark.django_db(transaction=True)
WRITES = (
    ("/api/read", {"through": 1}),
    ("/api/unread", {"positions": [1]}),
    ("/api/dismiss", {"positions": [1]}),
    ("/api/mute", {"channel": "author:7", "muted": True}),
)


def test_a_token_reads_its_users_notifications_and_no_others(alice, charlie):
    tell(alice)
    tell(charlie)
    token = tokens.make(alice)
    page = Client().get("/api/inbox", headers=bearer(token))
    assert page["Cache-Control"] == "private, no-store"
    assert [item["channel"] for item in page.json()["items"]] == [f"user:{alice.pk}"]
    assert len(Client().get("/api/events?after=0", headers=bearer(token)).json()["items"]) == 1
    stream = read_stream(f"Bearer {token}")
    assert (stream.status, channels_of(stream)) == (200, {f"user:{alice.pk}"})


def test_the_scheme_is_read_in_any_case_and_the_token_is_one_of_rfc_6750(alice):
    token = tokens.make(alice)
    assert unread(f"bearer {token}").status_code == 200
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=")


def test_a_token_marks_without_a_csrf_token_and_a_read_only_one_does_not_mark(alice):
    tell(alice)
    strict = Client(enforce_csrf_checks=True)
    reading = tokens.make(alice, read_only=True)
    for path, body in WRITES:
        answer = post(strict, path, body, **bearer(reading))
        assert (answer.status_code, answer["WWW-Authenticate"]) == (403, 'Bearer error="insufficient_scope"')
    answer = strict.put("/api/preferences", "{}", content_type="application/json", headers=bearer(reading))
    assert answer.status_code == 403
    assert (inbox.unread_count(alice), unread(f"Bearer {reading}").json()["unread"]) == (1, 1)
    assert post(strict, "/api/read", {"through": 1}, **bearer(tokens.make(alice))).json()["unread"] == 0


@pytest.mark.parametrize("scheme", ["Basic", "basic", "Digest", "Negotiate", "NTLM"])
def test_what_browsers_send_by_themselves_is_no_way_around_the_csrf_token(alice, settings, scheme):
    settings.NOTIFICATIONS_AUTHENTICATORS = ["tests.notifications.tokens.support.by_name"]
    tell(alice)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    header = {"Authorization": f"{scheme} YWxpY2U6ZGVtbw=="}
    assert post(strict, "/api/read", {"through": 1}, **header).status_code == 403
    assert inbox.unread_count(alice) == 1
    # The cookie reads as before: a proxy may ask for a password.
    assert strict.get("/api/unread", headers=header).status_code == 200
    assert read_stream(header["Authorization"], cookies_of(alice)).status == 200


def test_the_token_counts_where_there_is_a_cookie_too(alice, charlie):
    tell(alice)
    tell(charlie)
    client = Client()
    client.force_login(charlie)
    token = tokens.make(alice)
    assert [item["channel"] for item in client.get("/api/inbox", headers=bearer(token)).json()["items"]] == [
        f"user:{alice.pk}"
    ]
    assert channels_of(read_stream(f"Bearer {token}", cookies_of(charlie))) == {f"user:{alice.pk}"}


def signed_by(salt: str, user) -> str:
    return signing.Signer(salt=salt, sep="~").sign_object(
        [str(user.pk), signed.fingerprint(user.get_session_auth_hash()), time.time() + 60, True]
    )


def test_a_wrong_token_is_refused_and_the_cookie_does_not_answer_for_it(alice, charlie):
    token = tokens.make(alice)
    payload, _, signature = token.rpartition("~")
    forged = signing.b64_encode(json.dumps([str(alice.pk), "0" * 32, time.time() + 60, True]).encode()).decode()
    # The test's own way to sign is right: only the salt differs below.
    assert unread(f"Bearer {signed_by(signed.TOKEN_SALT, alice)}").status_code == 200
    for wrong in (
        "",
        "nonsense",
        token[:-1],
        f"{payload}~{signature[::-1]}",
        f"{forged}~{signature}",
        signed_by("another", alice),
        signing.dumps(str(alice.pk)),
        f"{token},Bearer {token}",
    ):
        assert_refused_everywhere(f"Bearer {wrong}", charlie)
    assert_refused_everywhere(f"Token {token}", charlie)
    assert_refused_everywhere("Bearer", charlie)


def test_an_expired_token_is_refused(alice, charlie, monkeypatch):
    token = tokens.make(alice, lifetime=SOON)
    assert unread(f"Bearer {token}").status_code == 200
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 61)
    assert_refused_everywhere(f"Bearer {token}", charlie)


@pytest.mark.parametrize("change", ["password", "unusable", "is_active", "delete"])
def test_a_changed_account_ends_its_tokens_and_no_others(alice, charlie, change):
    token, other = tokens.make(alice), tokens.make(charlie)
    change_account(alice, change)
    assert_refused_everywhere(f"Bearer {token}", charlie)
    assert unread(f"Bearer {other}").status_code == 200


def change_account(user, change: str) -> None:
    if change == "delete":
        user.delete()
        return
    if change == "password":
        user.set_password("another")
    elif change == "unusable":
        user.set_unusable_password()
    else:
        user.is_active = False
    user.save()


def test_a_token_outlives_a_rotated_secret_key_as_long_as_it_is_a_fallback(alice, charlie, settings):
    token = tokens.make(alice)
    tell(alice)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "the next secret " * 4
    assert unread(f"Bearer {token}").status_code == 200
    assert read_stream(f"Bearer {token}").status == 200
    settings.SECRET_KEY_FALLBACKS = []
    assert_refused_everywhere(f"Bearer {token}", charlie)


def test_a_token_in_the_url_is_no_token(alice):
    token = tokens.make(alice)
    for name in ("token", "access_token", "authorization"):
        assert Client().get("/api/unread", {name: token}).status_code == 401
        assert read_stream("", query=f"{name}={token}").status == 204


def test_pages_and_views_outside_of_the_api_take_no_token(alice):
    token = tokens.make(alice)
    for path in ("/notifications/", "/notifications/preferences/"):
        assert Client().get(path, headers=bearer(token)).status_code == 302
    answer = Client(enforce_csrf_checks=True).post("/notifications/read/", {"through": 1}, headers=bearer(token))
    assert answer.status_code == 403


@pytest.mark.parametrize("change", ["password", "is_active", "delete"])
def test_an_open_stream_ends_with_the_account_that_its_token_is_bound_to(alice, change):
    token = tokens.make(alice)

    async def scenario():
        reader = await Reader(EventStream(), "/events/", authorization=f"Bearer {token}").opened()
        await in_thread(change_account, alice, change)
        return await reader.end()

    assert [event.event for event in run(scenario).events] == ["bye"]


def test_an_open_stream_ends_when_its_token_expires_and_another_goes_on(alice):
    brief, lasting = tokens.make(alice, lifetime=timedelta(seconds=1)), tokens.make(alice)

    async def scenario():
        reader = await Reader(EventStream(), "/events/", authorization=f"Bearer {brief}").opened()
        other = await Reader(EventStream(), "/events/", authorization=f"Bearer {lasting}").opened()
        await reader.end()
        await in_thread(tell, alice)
        await other.until(lambda r: r.told())
        await other.leave()
        again = await Reader(EventStream(), "/events/", authorization=f"Bearer {brief}").end()
        return reader, other, again

    reader, other, again = run(scenario)
    assert [event.event for event in reader.events] == ["bye"]
    assert [kind for _position, kind in other.told()] == ["happened"]
    assert again.status == 401


def test_logging_out_ends_no_stream_of_a_token(alice):
    client = Client()
    client.force_login(alice)
    token = tokens.make(alice)

    async def scenario():
        cookie = f"sessionid={client.cookies['sessionid'].value}".encode()
        reader = await Reader(EventStream(), "/events/", cookie, authorization=f"Bearer {token}").opened()
        await in_thread(client.post, "/accounts/logout/")
        await in_thread(tell, alice)
        await reader.until(lambda r: r.told())
        await reader.leave()
        return reader

    assert [kind for _position, kind in run(scenario).told()] == ["happened"]


def test_no_token_is_logged(alice, caplog):
    caplog.set_level(logging.DEBUG)
    token = tokens.make(alice)
    tell(alice)
    assert read_stream(f"Bearer {token}").status == 200
    for authorization in (f"Bearer {token}x", f"Token {token}"):
        assert_refused_everywhere(authorization)
    assert caplog.text
    assert token[:20] not in caplog.text


def test_tokens_cost_a_batch_one_query_and_requests_by_cookie_none(alice, charlie, django_assert_num_queries):
    cookie, authorization = cookies_of(charlie).decode(), f"Bearer {tokens.make(alice)}"

    def requests(*headers):
        scopes = [http_scope("/events/", headers={"host": "localhost", **each}) for each in headers]
        return [ASGIRequest(scope, BytesIO()) for scope in scopes]

    by_cookie, by_token = {"cookie": cookie}, {"authorization": authorization}
    # Sessions and users.
    with django_assert_num_queries(2):
        authenticate_all(requests(by_cookie, by_cookie))
    with django_assert_num_queries(1):
        authenticate_all(requests(by_token, by_token))
    mixed = requests(by_cookie, by_token, by_cookie | by_token, by_token | {"authorization": "Bearer x"}, {})
    with django_assert_num_queries(3):
        authenticate_all(mixed)
    assert [request.user.pk for request in mixed] == [charlie.pk, alice.pk, alice.pk, None, None]
    assert [request.session.is_empty() for request in mixed] == [False, True, True, True, True]


def test_a_lifetime_that_is_not_positive_and_a_user_who_cannot_log_in_are_refused(alice):
    with pytest.raises(ValueError, match="positive"):
        tokens.make(alice, lifetime=timedelta())
    alice.is_active = False
    with pytest.raises(ValueError, match="active"):
        tokens.make(alice)


def test_the_command_prints_a_token_alone(alice, capsys):
    call_command("notifications_token", "alice", "--days", "1", "--read-only")
    token = capsys.readouterr().out.strip()
    claims = signed.read_claims(token)
    assert (claims.user_id, claims.may_change) == (str(alice.pk), False)
    assert 86_000 < claims.expires_at - time.time() <= 86_400
    assert unread(f"Bearer {token}").status_code == 200
    for name in ("nobody", ""):
        with pytest.raises(CommandError, match="no active user"):
            call_command("notifications_token", name)


def test_the_description_of_the_api_names_the_scheme(db):
    described = Client().get("/api/openapi.json").json()
    assert described["components"]["securitySchemes"]["TokenAuth"] == {"type": "http", "scheme": "bearer"}
    for path in described["paths"].values():
        for operation in path.values():
            assert {"TokenAuth": []} in operation["security"]


def test_without_any_credentials_the_api_names_the_scheme(db):
    answer = Client().get("/api/unread")
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")


def test_without_the_middleware_the_cookie_does_not_answer_for_the_token(alice, charlie, settings):
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if not name.endswith("cursor_middleware")]
    client = Client()
    client.force_login(charlie)
    assert unread(f"Bearer {tokens.make(alice)}", client).status_code == 401
    assert log.head() == 0
