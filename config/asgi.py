"""The ASGI application: streams and callbacks beside Django, so that none holds the other's threads."""

import os
from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path, re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django_application = get_asgi_application()

# Only now are the apps loaded that these import.
from notifications.guard import Guard  # noqa: E402
from notifications.opening import each  # noqa: E402
from notifications.operators import operators_plan  # noqa: E402
from notifications.stream import EventStream  # noqa: E402
from orders.intake import CallbackIntake  # noqa: E402
from orders.stream import payment_plan  # noqa: E402

streams: Any = EventStream()
payment_streams: Any = EventStream(each(payment_plan))
operator_streams: Any = EventStream(each(operators_plan))
pages: Any = Guard(django_application)
callbacks: Any = CallbackIntake(otherwise=pages)

application = ProtocolTypeRouter(
    {
        "http": URLRouter(
            [
                path("events/", streams),
                path("operators/events/", operator_streams),
                path("orders/<int:number>/events/", payment_streams),
                path("payments/callback/", callbacks),
                path("payments/callback/<str:provider>/", callbacks),
                re_path("", pages),
            ]
        ),
    }
)
