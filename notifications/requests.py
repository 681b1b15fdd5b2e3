"""Requests as views behind a log-in see them."""

from typing import TYPE_CHECKING

from django.http import HttpRequest

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from notifications.choices import Choices


class AuthenticatedRequest(HttpRequest):
    """For annotations: a request whose reader is logged in, as login_required leaves it."""

    user: "User"
    # Set for GET, by middleware.py.
    cursor: int
    choices: "Choices"
