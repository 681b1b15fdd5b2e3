"""An ASGI application for sites that have nothing to add to it: DJANGO_SETTINGS_MODULE says which site."""

from django.core.asgi import get_asgi_application

from notifications.routing import with_streams

application = with_streams(get_asgi_application())
