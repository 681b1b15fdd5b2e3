"""Fixtures for the tests of sites that use this app (docs/testing.md); pytest finds them if the app is installed.

No model is imported at the top: pytest loads plugins before Django's settings are known.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from notifications.testing import Notified, Streams


@pytest.fixture
def notified(db: None) -> "Notified":
    """Call it for what the test has notified so far, and to whom.

    It works in pytest-django's transaction, whose commit callbacks it runs, and with transactions of the test's own.
    """
    from notifications.testing import Notified

    return Notified()


@pytest.fixture
def sse_client(transactional_db: None) -> "Iterator[Streams]":
    """`sse_client(user)` opens a stream, from a server process that runs the project on the test's database."""
    from notifications.testing import Streams

    streams = Streams()
    yield streams
    streams.close()
