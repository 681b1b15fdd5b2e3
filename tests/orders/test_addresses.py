"""Whose address is counted: never one that the client may choose."""

import pytest
from django.test import RequestFactory

from orders.addresses import client_address, subject_of

CLIENT, PROXY = "192.0.2.7", "127.0.0.1"


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, None, PROXY),
        (0, CLIENT, PROXY),
        (1, None, PROXY),
        (1, CLIENT, CLIENT),
        (1, f"10.0.0.1, {CLIENT}", CLIENT),
        (1, f"{CLIENT}, invented", PROXY),
        (2, CLIENT, PROXY),
        (2, f"{CLIENT}, 10.0.0.9", CLIENT),
        (2, f"203.0.113.1, {CLIENT}, 10.0.0.9", CLIENT),
        (1, "2001:db8::1", "2001:db8::1"),
    ],
)
def test_only_the_entries_of_trusted_proxies_are_believed(settings, proxies, forwarded, address):
    settings.TRUSTED_PROXIES = proxies
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    assert client_address(RequestFactory().get("/", headers=headers, REMOTE_ADDR=PROXY)) == address


def test_a_unix_socket_has_no_address(settings):
    request = RequestFactory().get("/", headers={"X-Forwarded-For": CLIENT}, REMOTE_ADDR="")
    settings.TRUSTED_PROXIES = 0
    assert client_address(request) == "unknown"
    settings.TRUSTED_PROXIES = 1
    assert client_address(request) == CLIENT


@pytest.mark.parametrize(
    ("address", "subject"),
    [
        (CLIENT, CLIENT),
        ("unknown", "unknown"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_addresses_of_one_ipv6_network_are_counted_together(address, subject):
    assert subject_of(address) == subject
