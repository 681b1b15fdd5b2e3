"""The site's own settings, but for what takes a processor long at each log-in and on each page."""

from config.settings import *  # noqa: F403

# The site's own takes half a second for each password.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# With DEBUG on, a browser asks again for forty files on each page.
WHITENOISE_MAX_AGE = 600
