"""The JSON API under /api/: `endpoints` and the `schemas` of what they take and return.

Invariant: it has the permissions and the cursors of the streams, and none of its own.
May import: everything but views, admin and server.
"""

from notifications.api.endpoints import api

__all__ = ["api"]
