"""The ASGI application of a site that has no routes of its own; DJANGO_SETTINGS_MODULE names the site."""

from django.core.asgi import get_asgi_application

from notifications.routing import with_streams

application = with_streams(get_asgi_application())
