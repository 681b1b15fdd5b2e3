"""The demo's users: named for their role, all with the same password, and only where DEBUG is on."""

from typing import NamedTuple

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

PASSWORD = "demo"  # noqa: S105


class Person(NamedTuple):
    """A demo account, and a sentence about its role."""

    username: str
    role: Promise
    password: str = PASSWORD


PEOPLE = (
    Person("seller", _("sells things and hears of every order and payment")),
    Person("buyer", _("orders things and sees the payment arrive")),
    Person("author", _("writes posts")),
    Person("follower", _("follows the author and hears of every post")),
    Person("admin", _("may change everything in the admin")),
)


def people() -> tuple[Person, ...]:
    """Returns the accounts to offer on the start and log-in pages; none where DEBUG is off."""
    return PEOPLE if settings.DEBUG else ()
