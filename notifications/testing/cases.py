"""The fixtures of pytest_plugin.py for tests in unittest's style: mixins for Django's test cases."""

from unittest import TestCase

from notifications.testing.notified import Notified
from notifications.testing.streams import Streams


class NotifiedMixin(TestCase):
    """Gives each test `self.notified`; for Django's TestCase and TransactionTestCase."""

    notified: Notified

    def setUp(self) -> None:
        super().setUp()
        self.notified = Notified()


class StreamsMixin(TestCase):
    """Gives each test `self.sse_client`; for TransactionTestCase: the server sees only committed data."""

    sse_client: Streams

    def setUp(self) -> None:
        super().setUp()
        self.sse_client = Streams()
        self.addCleanup(self.sse_client.close)
