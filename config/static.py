"""Storage of static files for a site with DEBUG off."""

from whitenoise.storage import CompressedManifestStaticFilesStorage

from notifications.staticfiles import BundledFilesMixin


class BundledStorage(BundledFilesMixin, CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Hashed and compressed files, with one script and one style sheet per page."""
