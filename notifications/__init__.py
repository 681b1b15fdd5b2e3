"""Live notifications for Django: one log, read by inboxes and by open streams. Each package says what it is for."""

# The one place of the version: pyproject.toml and the documentation read it here. docs/releasing.md has the steps of a release.
__version__ = "0.1.0"
