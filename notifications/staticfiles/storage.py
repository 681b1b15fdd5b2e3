"""The storage: Django's own with hashed names, in which bundles take the place of the entry points."""

from collections.abc import Iterator
from typing import Any

from django.contrib.staticfiles.storage import ManifestFilesMixin, ManifestStaticFilesStorage
from django.core.files.base import ContentFile
from django.core.files.storage import InMemoryStorage, Storage

from notifications.staticfiles.bundling import bundle

ENTRY_POINTS = (
    "notifications/embed/live.js",
    "notifications/page.js",
    "notifications/style.css",
    "notifications/terminal.js",
    "notifications/worker.js",
)

# What collectstatic has found: by name, the storage of the source and the path in it.
Found = dict[str, tuple[Storage, str]]


class BundledFilesMixin(ManifestFilesMixin):
    """Stands before any storage that builds on Django's ManifestFilesMixin.

    `bundled` has the names of the scripts and style sheets to bundle; a subclass may add its own.
    """

    bundled: tuple[str, ...] = ENTRY_POINTS
    # For modules that are not bundled: a page never mixes those of two releases.
    support_js_module_import_aggregation = True

    def post_process(self, paths: Found, dry_run: bool = False, **options: Any) -> Iterator[Any]:  # noqa: FBT001, FBT002
        """As Django's, with bundles for sources. Raises BundleError."""
        if not dry_run:
            paths = {**paths, **self._bundles(paths)}
        yield from super().post_process(paths, dry_run, **options)

    def _bundles(self, paths: Found) -> Found:
        def read(name: str) -> str | None:
            if name not in paths:
                return None
            storage, path = paths[name]
            with storage.open(path) as file:
                text: str = file.read().decode()
                return text

        made = InMemoryStorage()
        for entry in self.bundled:
            if entry in paths:
                made.save(entry, ContentFile(bundle(entry, read).encode()))
        return {entry: (made, entry) for entry in self.bundled if made.exists(entry)}


class BundledStaticFilesStorage(BundledFilesMixin, ManifestStaticFilesStorage):  # type: ignore[misc]
    """Django's ManifestStaticFilesStorage, with bundles."""
