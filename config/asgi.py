"""The ASGI application: streams and callbacks are mounted beside Django, so that they hold none of its threads."""

import os
from typing import Any

from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django_application = get_asgi_application()

# These import apps, which are loaded only now.
from notifications.routing import beside_streams  # noqa: E402
from notifications.server import ErrorBoundary  # noqa: E402
from notifications.stream import EventStream, each  # noqa: E402
from orders.payments.callback_application import CallbackApplication  # noqa: E402
from orders.payments.stream import payment_plan  # noqa: E402

payment_streams: Any = EventStream(each(payment_plan))
pages: Any = ErrorBoundary(django_application)
callbacks: Any = CallbackApplication(otherwise=pages)

application = beside_streams(
    pages,
    [
        path("orders/<int:number>/events/", payment_streams),
        path("payments/callback/", callbacks),
        path("payments/callback/<str:provider>/", callbacks),
    ],
)
