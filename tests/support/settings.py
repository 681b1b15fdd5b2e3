"""The site's own settings, for tests and for the sites they start, but for what takes a processor long."""

from config.settings import *  # noqa: F403

# The site's own takes half a second for each password.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# With DEBUG on, a browser asks again for forty files on each page.
WHITENOISE_MAX_AGE = 600
