"""Signed tokens: they name a user, what they are good for and how long, and are stored nowhere."""

import hashlib
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from django.contrib.auth.base_user import AbstractBaseUser
from django.core import signing
from django.utils.crypto import constant_time_compare

TOKEN_SALT = "notifications.tokens"  # noqa: S105  no secret: it keeps tokens apart from what else the site signs
# The default separator ":" may not stand in a bearer token (RFC 6750, section 2.1).
SEPARATOR = "~"
# Long enough for a phone that is used once in a while, and short enough that a lost one is forgotten.
LIFETIME = timedelta(days=90)


class InvalidToken(Exception):
    """A token is malformed, expired or revoked, or no authenticator accepts it."""


class Claims(NamedTuple):
    """What a token says. expires_at: seconds since the epoch. fingerprint: of the user's password at that time."""

    user_id: str
    fingerprint: str
    expires_at: float
    may_change: bool


def make(user: AbstractBaseUser, *, lifetime: timedelta = LIFETIME, read_only: bool = False) -> str:
    """Returns a token with which a program reads the user's notifications, for a log-in endpoint of the site's own.

    It is sent as `Authorization: Bearer …`. read_only: the program may not mark, mute or change preferences. The token ends
    with its lifetime, and earlier when the user changes the password, is deactivated or deleted. Raises ValueError for a user
    who is not saved or not active, and for a lifetime that is not positive.
    """
    if user.pk is None or not user.is_active:
        raise ValueError("a token is for a user who is saved and active")
    if lifetime <= timedelta():
        raise ValueError("the lifetime of a token is positive")
    expires_at = round(time.time() + lifetime.total_seconds(), 3)
    claims = Claims(str(user.pk), fingerprint(user.get_session_auth_hash()), expires_at, not read_only)
    return token_signer().sign_object(claims)


def read_claims(token: str) -> Claims:
    """Returns what a token says; raises InvalidToken if it was not made here, or has expired. Uses no database."""
    try:
        claims = Claims(*token_signer().unsign_object(token))
    except (signing.BadSignature, ValueError, TypeError):
        raise InvalidToken("The token is not one of this site.") from None
    if claims.expires_at <= time.time():
        raise InvalidToken("The token has expired.")
    return claims


def is_current(claims: Claims, user: AbstractBaseUser) -> bool:
    """Whether the user is active, and has the password with which the token was made."""
    known = [constant_time_compare(claims.fingerprint, each) for each in fingerprints(user)]
    return bool(user.is_active) and any(known)


def fingerprints(user: AbstractBaseUser) -> Iterator[str]:
    """Yields the fingerprints of the present password, under SECRET_KEY and SECRET_KEY_FALLBACKS."""
    yield fingerprint(user.get_session_auth_hash())
    yield from map(fingerprint, user.get_session_auth_fallback_hash())


def fingerprint(auth_hash: str) -> str:
    """Returns a digest of the hash that sessions hold. The bearer can read it, and does not learn that hash from it."""
    return hashlib.sha256(f"{TOKEN_SALT}{auth_hash}".encode()).hexdigest()[:32]


def token_signer() -> signing.Signer:
    """Returns the signer of the present SECRET_KEY, which takes those of SECRET_KEY_FALLBACKS too."""
    return signing.Signer(salt=TOKEN_SALT, sep=SEPARATOR)
