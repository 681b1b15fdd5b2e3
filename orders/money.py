"""Amounts of money for readers."""

from decimal import Decimal

from django.utils.formats import number_format


def display(amount: Decimal, currency: str) -> str:
    """Returns the amount in the active language's format with the ISO 4217 code, e.g. "1,200.00 EUR"."""
    # A no-break space: the code never stands alone on a line.
    return f"{number_format(amount, decimal_pos=2, use_l10n=True, force_grouping=True)}\u00a0{currency}"
