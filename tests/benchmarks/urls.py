from django.urls import include, path

from .project import commits_view, publish, watch_payments
from .publishing import publishing_view

watch_payments()

urlpatterns = [
    path("bench/publish/", publishing_view(publish)),
    path("bench/commits/", commits_view),
    path("", include("config.urls")),
]
