"""Log-in with a limit on wrong passwords, for the log-in page and every other caller of authenticate()."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from orders.addresses import client_address, subject_of
from orders.limits import FailureLimit

# Ten wrong passwords for one name from one address, or a hundred from one address, block further ones for five minutes.
BY_NAME = FailureLimit("login.name", most=10, seconds=300)
BY_ADDRESS = FailureLimit("login.address", most=100, seconds=300)


def address_of(request: HttpRequest | None) -> str:
    """Returns what a limit counts for a client: its address, or its IPv6 network; empty without a request."""
    return subject_of(client_address(request)) if request is not None else ""


def is_limited(request: HttpRequest | None, username: str) -> bool:
    """Whether this address has sent too many wrong passwords, for this name or for all names."""
    address = address_of(request)
    return BY_ADDRESS.is_reached(address) or BY_NAME.is_reached(f"{address} {username.casefold()}")


class LimitedBackend(ModelBackend):
    """Django's authentication backend, behind the limits."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        """Returns the user; raises PermissionDenied at the limit, so that no further backend is tried."""
        name = username or ""
        if is_limited(request, name):
            raise PermissionDenied
        user = super().authenticate(request, username, password, **kwargs)
        who = f"{address_of(request)} {name.casefold()}"
        if user is None:
            BY_NAME.count(who)
            BY_ADDRESS.count(address_of(request))
        else:
            BY_NAME.forget(who)
        return user


class LogInForm(AuthenticationForm):
    """Django's log-in form, with an error message of its own at the limit."""

    def get_invalid_login_error(self) -> ValidationError:
        if is_limited(self.request, self.cleaned_data.get("username") or ""):
            return ValidationError(_("Too many attempts. Wait a few minutes, then try again."), code="limited")
        return super().get_invalid_login_error()
