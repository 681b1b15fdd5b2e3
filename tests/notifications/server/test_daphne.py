"""What `serve` asks of Daphne."""

import logging

from notifications.server import daphne


def test_the_listen_queue_holds_a_storm_of_reconnecting_browsers():
    """Trap 6."""
    assert daphne.endpoint("127.0.0.1", 8000) == "tcp:port=8000:interface=127.0.0.1:backlog=4096"
    assert daphne.endpoint("[::1]", 8000) == r"tcp:port=8000:interface=\:\:1:backlog=4096"


def test_the_servers_own_loggers_are_heard():
    """Trap 8: Django's default silences every logger that exists before the settings are read."""
    for name in ("daphne.server", "daphne.http_protocol", "notifications.tail"):
        assert not logging.getLogger(name).disabled
    assert logging.getLogger("daphne.server").isEnabledFor(logging.ERROR)
