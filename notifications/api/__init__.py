"""The JSON API under /api/: the `endpoints`, and the `schemas` of their requests and responses.

Invariant: it has the permissions and cursors of the streams, and no others.
May import: everything but views, admin and server.
"""

from notifications.api.endpoints import NAMESPACE, api

__all__ = ["NAMESPACE", "api"]
