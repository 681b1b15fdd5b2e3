"""The site with the consumers of `recorder`."""

import os

from tests.support.settings import *  # noqa: F403
from tests.support.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.notifications.consumers.recorder"]

if "POLL_SECONDS" in os.environ:
    NOTIFICATIONS_POLL_SECONDS = NOTIFICATIONS_SAFETY_POLL_SECONDS = float(os.environ["POLL_SECONDS"])
