"""The network address of a client, by which failures are counted: the connection's, or the one that a trusted proxy reports."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest

# A household or a server has a whole /64 of IPv6 addresses: counted singly, they would be no limit at all.
IPV6_NETWORK = 64


def client_address(request: HttpRequest) -> str:
    """Returns the client's address; "unknown" over a Unix socket without a proxy.

    TRUSTED_PROXIES is the number of proxies before this site. Each adds the address of its own client to the end of
    X-Forwarded-For, so that many entries from the end can be believed; any before them may be a client's invention.
    """
    address = request.META.get("REMOTE_ADDR") or "unknown"
    hops = settings.TRUSTED_PROXIES
    forwarded = [entry.strip() for entry in request.headers.get("X-Forwarded-For", "").split(",")]
    if 0 < hops <= len(forwarded) and is_address(forwarded[-hops]):
        address = forwarded[-hops]
    return address


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def subject_of(address: str) -> str:
    """Returns what a limit counts for an address: itself, or its network of IPv6."""
    if not is_address(address) or ipaddress.ip_address(address).version == 4:
        return address
    return str(ipaddress.ip_network(f"{address.partition('%')[0]}/{IPV6_NETWORK}", strict=False))
