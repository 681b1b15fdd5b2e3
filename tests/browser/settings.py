"""The site with short intervals, so that what takes a browser a minute to notice takes seconds."""

from notifications.kinds import Kind, register
from tests.support.settings import *  # noqa: F403

NOTIFICATIONS_PING_SECONDS = 1.5
NOTIFICATIONS_RETRY_MS = 300

# The site itself has no such kind that has words.
register(Kind("parcel.moved", label="Parcel moved", title="The parcel has moved", listed=False))
