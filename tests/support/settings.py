"""The site's own settings, but for the hashing of passwords: that takes half a second of a processor at each log-in."""

from config.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
