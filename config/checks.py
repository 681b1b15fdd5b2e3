"""System checks of this site: settings that are allowed only in a checkout."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register


@register(Tags.security)
def check_secrets(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """With DEBUG off, reports secrets that are still the published ones of the checkout, and the demo wallet."""
    if settings.DEBUG:
        return []
    found: list[CheckMessage] = []
    if settings.SECRET_KEY == settings.CHECKOUT_SECRET:
        found.append(Error("SECRET_KEY is the checkout's own.", hint="Set another.", id="site.E001"))
    if settings.CHECKOUT_CALLBACK_SECRET in settings.PAYMENT_CALLBACK_SECRETS:
        found.append(
            Error(
                "PAYMENT_CALLBACK_SECRETS contains the checkout's own: anyone can report payments.",
                hint="Set the secrets that the payment provider gave you.",
                id="site.E002",
            )
        )
    if settings.PAYMENT_DEMO_WALLET:
        found.append(
            Error(
                "PAYMENT_DEMO_WALLET is on: orders are paid by a click.",
                hint="Leave it to DEBUG.",
                id="site.E003",
            )
        )
    return found
