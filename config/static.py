"""Static files for a site with DEBUG off."""

from whitenoise.storage import CompressedManifestStaticFilesStorage

from notifications.staticfiles import BundledFilesMixin


class BundledStorage(BundledFilesMixin, CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Hashed, compressed, and one script and one style sheet for a page."""
