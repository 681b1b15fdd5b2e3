"""The site's settings for tests, with a publisher, and pings that a test can wait for."""

from tests.support.settings import *  # noqa: F403

ROOT_URLCONF = "tests.conformance.urls"
NOTIFICATIONS_PING_SECONDS = 2
