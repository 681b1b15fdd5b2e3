"""The shop: products, orders and payments. It notifies sellers and buyers through the notifications app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OrdersConfig(AppConfig):
    """Connects the notifiers and declares the permissions of the shop's channels."""

    name = "orders"
    verbose_name = _("Orders")

    def ready(self) -> None:
        """Connects the notifiers, and registers who may read the channel of a seller and of an order."""
        from notifications import subscriptions
        from orders import notifiers

        subscriptions.register_own("seller")
        subscriptions.register_names("seller", notifiers.seller_names)
        subscriptions.register_rule("order", notifiers.may_read_order)
