"""Requests of the JSON API with a token, and the refusals of RFC 6750, section 3."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import Resolver404, resolve

from notifications.tokens.granting import Grant, bears_token, grants_of
from notifications.tokens.signed import InvalidToken

INVALID_TOKEN = 'Bearer error="invalid_token"'  # noqa: S105  the value of WWW-Authenticate
INSUFFICIENT_SCOPE = 'Bearer error="insufficient_scope"'


def authenticate_request(request: HttpRequest, namespace: str) -> HttpResponse | None:
    """Makes the token's user the request's, and sets `request.grant`; returns a response if the request is refused.

    Does nothing for a request without a token, and for one whose URL is not in the namespace: other views of the site have
    ways of their own to read the header.
    """
    if not bears_token(request) or not is_in_namespace(request, namespace):
        return None
    (grant,) = grants_of([request])
    if isinstance(grant, InvalidToken):
        return refused(401, str(grant), INVALID_TOKEN)
    if isinstance(grant, Exception):
        raise grant
    if request.method not in ("GET", "HEAD", "OPTIONS") and not grant.may_change:
        return refused(403, "This token is good for reading only.", INSUFFICIENT_SCOPE)
    # The stubs know no other user model than their own.
    request.user = grant.user  # type: ignore[assignment]
    request.grant = grant  # type: ignore[attr-defined]
    return None


def is_in_namespace(request: HttpRequest, namespace: str) -> bool:
    """Whether the request's URL is in a namespace. Middleware runs before Django has resolved it."""
    try:
        match = resolve(request.path_info, getattr(request, "urlconf", None))
    except Resolver404:
        return False
    return match.namespaces[:1] == [namespace]


def refused(status: int, detail: str, challenge: str) -> JsonResponse:
    """Returns the refusal of a token, in the API's form."""
    return JsonResponse(
        {"detail": detail}, status=status, headers={"WWW-Authenticate": challenge, "Cache-Control": "no-store"}
    )


def granted(request: HttpRequest) -> Grant | None:
    """Returns what the request's token grants; None for a request by cookie."""
    grant: Grant | None = getattr(request, "grant", None)
    return grant
