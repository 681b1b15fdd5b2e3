"""The former place of the payment providers' names, kept for one release: import them from `orders.payments`."""

from notifications.moved import face

__getattr__ = face(
    __name__,
    {
        "PROVIDERS": "orders.payments",
        "Provider": "orders.payments",
        "Rejected": "orders.payments",
        "Report": "orders.payments",
        "STANDARD": "orders.payments",
        "parse_amount": "orders.payments",
    },
)
