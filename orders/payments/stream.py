"""The stream of one payment: the order's channel from its first event until `finish` or the end of the window."""

from collections.abc import Mapping
from typing import Any

from django.core.handlers.asgi import ASGIRequest

from notifications.stream import Plan, Refused
from orders.models import Order
from orders.payments import settlement

# A timer may fire a little early, and the order must be overdue when it does.
SLACK_SECONDS = 0.05


def payment_plan(request: ASGIRequest, kwargs: Mapping[str, Any]) -> Plan:
    """Plans the stream of /orders/<number>/events/; raises Refused with 404 unless the user is the buyer."""
    orders = Order.objects.of_buyer(request.user).select_related("product", "buyer")
    order = orders.filter(number=kwargs["number"]).first()
    if order is None:
        raise Refused(404, "There is no such order.")
    settlement.expire(order)
    return Plan(
        channels={order.channel: 0},
        start=0,
        deadline=order.expires_at.timestamp() + SLACK_SECONDS,
        at_deadline=lambda: settlement.expire(order),
    )
