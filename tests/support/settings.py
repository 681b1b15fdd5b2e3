"""The site's own settings, for tests and for the sites they start, without what costs time and tests nothing."""

from config.settings import *  # noqa: F403
from config.settings import DATABASES

# The site's own takes half a second of a processor at each log-in.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# With DEBUG on, a browser asks again for forty files on each page.
WHITENOISE_MAX_AGE = 600
# The data of a test survives a process that is killed, but need not survive the machine. SQLite would wait for the disk
# whenever the last connection is closed.
if "init_command" in DATABASES["default"]["OPTIONS"]:
    DATABASES["default"]["OPTIONS"]["init_command"] += "PRAGMA synchronous=OFF;"
