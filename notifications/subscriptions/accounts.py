"""Receivers that carry a person's changes to their open streams, in every process, through the log."""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db.models.signals import post_delete, post_save
from django.http import HttpRequest

from notifications import log
from notifications.log.control import control_channel, session_digest
from notifications.subscriptions import subscribing

# What logging in writes; it changes nothing for a stream that is open.
HARMLESS_FIELDS = {"last_login"}


def connect() -> None:
    """Connects the receivers; called once, when the app is ready."""
    user_logged_in.connect(give_own_channels, dispatch_uid="notifications.give_own_channels")
    user_logged_out.connect(end_streams_of_session, dispatch_uid="notifications.end_streams_of_session")
    post_save.connect(recheck_streams_of_user, sender=get_user_model(), dispatch_uid="notifications.recheck_streams")
    post_delete.connect(end_streams_of_user, sender=get_user_model(), dispatch_uid="notifications.end_streams_of_user")


def give_own_channels(sender: Any, user: AbstractBaseUser, **kwargs: Any) -> None:
    """Logging in gives a person who came by another way than save() (a bulk import) the own channels."""
    subscribing.ensure_own(user)


def end_streams_of_session(
    sender: Any, request: HttpRequest | None, user: AbstractBaseUser | None, **kwargs: Any
) -> None:
    """Log-out ends the streams of that session, and of no other."""
    key = getattr(getattr(request, "session", None), "session_key", None)
    if user is not None and key:
        log.append(control_channel(user.pk), "control.session_ended", {"session": session_digest(key)})


def end_streams_of_user(sender: Any, instance: AbstractBaseUser, **kwargs: Any) -> None:
    """A deleted account makes its open streams look again, and find that it is gone."""
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
    """A changed account (password, deactivation, rights) makes its open streams look again whether they still may."""
    if created and not raw:
        subscribing.ensure_own(instance)
    if created or raw or (update_fields is not None and set(update_fields) <= HARMLESS_FIELDS):
        return
    log.append(control_channel(instance.pk), "control.user_changed")
