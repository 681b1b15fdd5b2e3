"""What tokens grant: the user of a request, and what the request may do. Many requests are looked up in one query."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from notifications.tokens import signed
from notifications.tokens.authenticators import user_of_site
from notifications.tokens.signed import Claims, InvalidToken

BEARER = "bearer"
# Schemes whose credentials browsers send by themselves, for a proxy that asks for a password: they say nothing here.
AMBIENT = frozenset(("basic", "digest", "negotiate", "ntlm"))


class Grant(NamedTuple):
    """The user of a token. may_change: it is good for more than reading. expires_at: seconds since the epoch, if it is known."""

    user: AbstractBaseUser
    may_change: bool
    expires_at: float | None


def header_of(request: HttpRequest) -> str:
    """Returns the header Authorization; empty without one."""
    value: str = request.META.get("HTTP_AUTHORIZATION", "")
    return value


def bears_token(request: HttpRequest) -> bool:
    """Whether a request is authenticated by its header Authorization, and not by its cookie."""
    value = header_of(request)
    return bool(value) and value.split(" ", 1)[0].lower() not in AMBIENT


def grants_of(requests: Sequence[HttpRequest]) -> list[Grant | Exception]:
    """Returns for each request that bears a token, in its place, what it grants, or the error.

    That is InvalidToken, or what an authenticator of the site has raised. Uses the database: one query for all tokens of
    this app, and what the authenticators need for others.
    """
    values = [header_of(request) for request in requests]
    claimed = {value: claims_of(value) for value in values}
    users = users_by_id(claims.user_id for claims in claimed.values() if isinstance(claims, Claims))
    return [grant_of(value, claimed[value], users) for value in values]


def claims_of(value: str) -> Claims | InvalidToken:
    """Returns the claims of a header with a token of this app, or why it has none."""
    scheme, _, token = value.partition(" ")
    if scheme.lower() != BEARER:
        return InvalidToken("No authenticator accepts this token.")
    try:
        return signed.read_claims(token.strip())
    except InvalidToken as error:
        return error


def grant_of(value: str, claims: Claims | InvalidToken, users: Mapping[str, AbstractBaseUser]) -> Grant | Exception:
    """Returns what a header grants, or the error. users: by the id that tokens have."""
    if isinstance(claims, Claims):
        user = users.get(claims.user_id)
        if user is None or not signed.is_current(claims, user):
            return InvalidToken("The token was revoked.")
        return Grant(user, claims.may_change, claims.expires_at)
    try:
        other = user_of_site(value)
    except Exception as error:  # noqa: BLE001  it is this request's alone
        return error
    return claims if other is None else Grant(other, may_change=True, expires_at=None)


def users_by_id(user_ids: Iterable[str]) -> dict[str, AbstractBaseUser]:
    """Returns the users, by the id that tokens have; without those that do not exist."""
    model, keys = get_user_model(), {}
    for user_id in user_ids:
        try:
            keys[user_id] = model._meta.pk.to_python(user_id)
        except ValidationError:
            # Of another user model, as after a change of the model.
            continue
    if not keys:
        return {}
    # The manager that ModelBackend uses; Django documents it.
    found = model._default_manager.in_bulk(list(keys.values()))  # noqa: SLF001
    return {user_id: found[key] for user_id, key in keys.items() if key in found}
