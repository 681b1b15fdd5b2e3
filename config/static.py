"""Static files for a site with DEBUG off."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class ModuleStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Hashed and compressed, with the hashed names in `import` lines too: a page never mixes two releases' modules."""

    support_js_module_import_aggregation = True
