"""All addresses of this app, for one include() at the root of a site: stream, inbox, preferences and API."""

from django.urls import include, path

from notifications.api import api

urlpatterns = [
    path("api/", api.urls),
    path("", include("notifications.urls")),
]
