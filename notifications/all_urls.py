"""All URLs of this app, for one include() at the root of a site: streams, inbox, settings, API and metrics."""

from django.urls import include, path

from notifications.api import api
from notifications.monitoring import exporter

urlpatterns = [
    path("api/", api.urls),
    path("metrics", exporter.metrics, name="metrics"),
    path("", include("notifications.urls")),
]
