"""The site's own authenticators: functions that know tokens of other kinds, such as those of Django REST framework."""

from collections.abc import Callable, Iterator

from django.contrib.auth.base_user import AbstractBaseUser
from django.utils.module_loading import import_string

from notifications import conf

# Takes the value of the header Authorization; returns the user, or None if the token is none of its own, or is wrong.
Authenticator = Callable[[str], AbstractBaseUser | None]


def user_of_site(value: str) -> AbstractBaseUser | None:
    """Returns the active user whom an authenticator of the site finds; None if none of them does."""
    for path in conf.authenticators():
        authenticator: Authenticator = import_string(path)
        user = authenticator(value)
        if user is not None:
            return user if user.is_authenticated and user.is_active else None
    return None


def unusable_authenticators() -> Iterator[tuple[str, str]]:
    """Yields each path of the setting that names no function, with the reason."""
    for path in conf.authenticators():
        try:
            named = import_string(path)
        except Exception as error:  # noqa: BLE001  whatever the module raises while it is imported
            yield str(path), f"it cannot be imported ({error})"
        else:
            if not callable(named):
                yield str(path), "it cannot be called"
