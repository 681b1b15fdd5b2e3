"""All addresses of this app, for one include() at the root of a site: streams, inbox, preferences, API and metrics."""

from django.urls import include, path

from notifications import exposition
from notifications.api import api

urlpatterns = [
    path("api/", api.urls),
    path("metrics", exposition.metrics, name="metrics"),
    path("", include("notifications.urls")),
]
