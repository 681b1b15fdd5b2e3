"""Fixtures for the tests of sites that notify people (docs/testing.md); pytest finds them where the app is installed.

Imports no model here: pytest loads plugins before Django's settings are known.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from notifications.testing import Notified, Streams


@pytest.fixture
def notified(db: None) -> "Notified":
    """What the test has notified so far, and whom: call it.

    Works in a test's transaction, whose commit callbacks it runs, and with transactions of the test's own.
    """
    from notifications.testing import Notified

    return Notified()


@pytest.fixture
def sse_client(transactional_db: None) -> "Iterator[Streams]":
    """Opens streams of a server process that runs the project on the test's database: `sse_client(user)`."""
    from notifications.testing import Streams

    streams = Streams()
    yield streams
    streams.close()
