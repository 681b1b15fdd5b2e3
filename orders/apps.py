"""The shop: products, orders, payments. Tells sellers and buyers through the notifications app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OrdersConfig(AppConfig):
    """Connects the receivers and declares whose channels are whose."""

    name = "orders"
    verbose_name = _("Orders")

    def ready(self) -> None:
        """Connects signals, registers kinds, and says who may read a seller's and an order's channel."""
        from notifications import subscriptions
        from orders import notifiers, signals

        subscriptions.register_own("seller")
        subscriptions.register_names("seller", notifiers.seller_names)
        subscriptions.register_rule("order", notifiers.may_read_order)
        signals.connect()
