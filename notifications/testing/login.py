"""Sessions for tests."""

from django.conf import settings
from django.contrib.auth import (
    BACKEND_SESSION_KEY,
    HASH_SESSION_KEY,
    SESSION_KEY,
)
from django.contrib.auth.base_user import AbstractBaseUser

from notifications.stream.authentication import engine


def start_session(user: AbstractBaseUser) -> str:
    """Logs a user in without a password, as Django's test client does; returns the session's key."""
    session = engine()()
    session[SESSION_KEY] = user._meta.pk.value_to_string(user)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return str(session.session_key)
