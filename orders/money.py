"""Amounts of money: a strict parser, and the format for readers."""

import re
from decimal import Decimal

from django.utils.formats import number_format

# Decimal() also accepts exponents, digits of other scripts, underscores, spaces and NaN. The columns hold ten digits before
# the point.
AMOUNT = re.compile(r"(0|[1-9][0-9]{0,9})(\.[0-9]{1,2})?")


def amount_of(text: str) -> Decimal:
    """Parses an amount such as "12.50": ASCII digits, at most two decimals, above 0; raises ValueError."""
    if not AMOUNT.fullmatch(text):
        raise ValueError('an amount is written like "12.50": digits, and at most two decimals')
    amount = Decimal(text)
    if not amount:
        raise ValueError("an amount is greater than 0")
    return amount


def display(amount: Decimal, currency: str) -> str:
    """Returns the amount in the active language's format with the ISO 4217 code, e.g. "1,200.00 EUR"."""
    # A no-break space, so that no line begins with the code.
    return f"{number_format(amount, decimal_pos=2, use_l10n=True, force_grouping=True)}\u00a0{currency}"
