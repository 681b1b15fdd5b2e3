"""A storage of static files that collects each entry point of the client as one file.

`collectstatic` puts the bundle of `notifications/page.js` where the hashed name of that file leads, and so for each of
`ENTRY_POINTS`. Templates name the entry points as ever; a site that serves its files plainly gets the modules themselves.

Invariants: the unhashed files stay what they are in the source; a source that the bundler does not understand fails
`collectstatic`, never a page. Imports nothing of this app.
"""

from notifications.staticfiles.bundling import BundleError
from notifications.staticfiles.storage import ENTRY_POINTS, BundledFilesMixin, BundledStaticFilesStorage

__all__ = ["ENTRY_POINTS", "BundleError", "BundledFilesMixin", "BundledStaticFilesStorage"]
