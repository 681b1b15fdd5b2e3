"""The demo's wallet: the page that a phone shows after scanning the QR code. Only where PAYMENT_DEMO_WALLET is on.

The token in the page's URL is the permission: with it anyone may pay without logging in, as long as the order's payment
window lasts.
"""

import segno
from django.core import signing
from django.utils.safestring import SafeString, mark_safe

from orders.models import Order, Status

SALT = "orders.wallet"


def token(order: Order) -> str:
    """Returns the signed token for the URL of an order's wallet page."""
    return signing.dumps(order.number, salt=SALT, compress=False)


def order_for(value: str) -> Order | None:
    """Returns the order of a token; None if the token's signature is not ours."""
    try:
        number = signing.loads(value, salt=SALT)
    except signing.BadSignature:
        return None
    return Order.objects.select_related("product__seller", "buyer").filter(number=number).first()


def may_pay(order: Order) -> bool:
    """Whether the order is pending and its payment window is open."""
    return order.status == Status.PENDING and not order.is_overdue


def qr_svg(address: str) -> SafeString:
    """Returns the QR code of a URL as inline SVG (ISO/IEC 18004; error correction M, 4 modules of quiet zone)."""
    code = segno.make(address, error="m", micro=False)
    return mark_safe(code.svg_inline(border=4, omitsize=True, svgclass=None, lineclass=None, light="#fff"))  # noqa: S308
