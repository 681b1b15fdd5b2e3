"""Authenticators of the site's own: tokens of other kinds."""

import pytest
from django.core.checks import Error
from django.test import Client

from notifications import inbox, tokens
from notifications.checks.requests import check_authenticators
from tests.notifications.tokens.support import (
    HERE,
    assert_refused_everywhere,
    channels_of,
    post,
    read_stream,
    tell,
    unread,
)
from tests.support.asgi import cookies_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def named(settings):
    settings.NOTIFICATIONS_AUTHENTICATORS = [f"{HERE}.by_name"]


def test_a_token_of_the_sites_own_reads_and_marks(alice, charlie):
    tell(alice)
    tell(charlie)
    assert unread("Name alice").json()["unread"] == 1
    assert channels_of(read_stream("Name alice", cookies_of(charlie))) == {f"user:{alice.pk}"}
    assert (
        post(Client(enforce_csrf_checks=True), "/api/read", {"through": 2}, Authorization="Name alice").status_code
        == 200
    )
    assert (inbox.unread_count(alice), inbox.unread_count(charlie)) == (0, 1)


def test_one_that_no_authenticator_accepts_is_refused(alice, charlie):
    assert_refused_everywhere("Name nobody", charlie)
    assert_refused_everywhere("Other alice", charlie)
    alice.is_active = False
    alice.save()
    assert_refused_everywhere("Name alice", charlie)


def test_tokens_of_this_app_go_on_working(alice):
    tell(alice)
    assert unread(f"Bearer {tokens.make(alice)}").json()["unread"] == 1


def test_an_authenticator_that_breaks_lets_nobody_in_and_harms_no_other_request(alice, charlie, settings):
    settings.NOTIFICATIONS_AUTHENTICATORS = [f"{HERE}.that_breaks"]
    client = Client(raise_request_exception=False)
    client.force_login(charlie)
    assert unread("Name alice", client).status_code == 500
    stream = read_stream("Name alice", cookies_of(charlie))
    # As when the database is away: the client comes back.
    assert (stream.status, [event.event for event in stream.events]) == (200, ["bye"])
    tell(alice)
    assert read_stream(f"Bearer {tokens.make(alice)}").status == 200


def test_check_names_what_cannot_be_used(settings):
    assert check_authenticators(None) == []
    settings.NOTIFICATIONS_AUTHENTICATORS = ["no.such.function", f"{HERE}.HERE"]
    found = check_authenticators(None)
    assert [(type(each), each.id) for each in found] == [(Error, "notifications.E020")] * 2
    assert "no.such.function: it cannot be imported" in found[0].msg
    assert f"{HERE}.HERE: it cannot be called" in found[1].msg
