"""Answers /metrics: with a token for its bearer, without a token for requests from this machine only."""

import ipaddress
import secrets

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import choose_encoder

from notifications import conf
from notifications.metrics import SHARED_FOLDER
from notifications.monitoring.all_workers import WorkersCollector

# Headers that proxies add. With one of them, REMOTE_ADDR is the proxy's address, not the client's.
FORWARDED = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip")


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Returns the metrics of this process and of the other workers beside it, in the format of the Accept header."""
    token = conf.metrics_token()
    if token and not may_read(request):
        answer = HttpResponse("The metrics need their token.\n", status=401, content_type="text/plain")
        answer["WWW-Authenticate"] = "Bearer"
        return answer
    if not may_read(request):
        text = "Without METRICS_TOKEN, metrics are for this machine alone.\n"
        return HttpResponse(text, status=403, content_type="text/plain")
    encoder, content_type = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(encoder(registry()), content_type=content_type)


def registry() -> CollectorRegistry:
    """Returns the registry that is exposed."""
    if not SHARED_FOLDER:
        return REGISTRY
    every = CollectorRegistry()
    every.register(WorkersCollector(SHARED_FOLDER))
    return every


def may_read(request: HttpRequest) -> bool:
    """Whether the request may read figures of this process: with the token if one is set, else from this machine."""
    token = conf.metrics_token()
    return has_token(request, token) if token else is_local(request)


def has_token(request: HttpRequest, token: str) -> bool:
    """Whether the request has the bearer token (RFC 6750, section 2.1); compared in constant time."""
    scheme, _space, given = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and secrets.compare_digest(given.strip().encode(), token.encode())


def is_local(request: HttpRequest) -> bool:
    """Whether the request comes from this machine, and not through a proxy on it."""
    if getattr(settings, "SECURE_PROXY_SSL_HEADER", None) or any(name in request.headers for name in FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
