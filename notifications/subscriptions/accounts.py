"""Receivers that carry log-ins, log-outs and changed accounts to the person's open streams, through the log.

A stream is authenticated when it opens. An entry on the person's control channel makes the streams of every process
check again, or end.
"""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.contrib.sessions.backends.signed_cookies import SessionStore as SignedCookieStore
from django.db import connections
from django.db.models.signals import post_delete, post_migrate, post_save
from django.http import HttpRequest

from notifications import log
from notifications.log.control import control_channel, name_session, session_digest
from notifications.models import Subscription
from notifications.subscriptions import subscribing

# Logging in writes them; they change nothing for a stream that is open.
HARMLESS_FIELDS = {"last_login"}


def connect_account_receivers() -> None:
    """Connects the receivers of this module; apps.ready() calls it once."""
    user_logged_in.connect(give_own_channels, dispatch_uid="notifications.give_own_channels")
    user_logged_in.connect(name_session_in_cookie, dispatch_uid="notifications.name_session_in_cookie")
    user_logged_out.connect(end_streams_of_session, dispatch_uid="notifications.end_streams_of_session")
    post_save.connect(recheck_streams_of_user, sender=get_user_model(), dispatch_uid="notifications.recheck_streams")
    post_migrate.connect(give_shared_channels, dispatch_uid="notifications.give_shared_channels")
    post_delete.connect(end_streams_of_user, sender=get_user_model(), dispatch_uid="notifications.end_streams_of_user")


def give_own_channels(sender: Any, user: AbstractBaseUser, **kwargs: Any) -> None:
    """Subscribes a person to the own channels at log-in: a bulk import saves users without post_save."""
    subscribing.ensure_own(user)


def give_shared_channels(sender: Any, using: str, **kwargs: Any) -> None:
    """Subscribes all people to the channels that everybody reads, after `manage.py migrate`: they need not log in first."""
    if sender.name == "notifications" and using == log.database():
        tables = set(connections[using].introspection.table_names())
        if {get_user_model()._meta.db_table, Subscription._meta.db_table} <= tables:
            subscribing.ensure_shared()


def name_session_in_cookie(sender: Any, request: HttpRequest | None, **kwargs: Any) -> None:
    """Names a session that is kept in a signed cookie: its key is the cookie, of which each change makes another.

    Two log-ins within a second may have the same cookie.
    """
    session = getattr(request, "session", None)
    if isinstance(session, SignedCookieStore):
        name_session(session)


def end_streams_of_session(
    sender: Any, request: HttpRequest | None, user: AbstractBaseUser | None, **kwargs: Any
) -> None:
    """Ends the streams of the session that logs out, and of no other."""
    session = getattr(request, "session", None)
    if user is not None and session is not None and session.session_key:
        log.append(control_channel(user.pk), "control.session_ended", {"session": session_digest(session)})


def end_streams_of_user(sender: Any, instance: AbstractBaseUser, **kwargs: Any) -> None:
    """Makes the open streams of a deleted account check it again, find no row, and end."""
    log.append(control_channel(instance.pk), "control.user_changed")


def recheck_streams_of_user(
    sender: Any,
    instance: AbstractBaseUser,
    *,
    created: bool,
    raw: bool,
    update_fields: frozenset[str] | None,
    **kwargs: Any,
) -> None:
    """Makes the open streams of a changed account (password, deactivation, rights) check its permissions again.

    A new account gets its own channels.
    """
    if created and not raw:
        subscribing.ensure_own(instance, is_new=True)
    if created or raw or (update_fields is not None and set(update_fields) <= HARMLESS_FIELDS):
        return
    log.append(control_channel(instance.pk), "control.user_changed")
