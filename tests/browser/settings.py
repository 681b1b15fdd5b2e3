"""The site with short intervals, so that what takes a browser a minute to notice takes seconds."""

from tests.support.settings import *  # noqa: F403

NOTIFICATIONS_PING_SECONDS = 1.5
NOTIFICATIONS_RETRY_MS = 300
