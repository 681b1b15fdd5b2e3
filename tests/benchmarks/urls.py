from django.urls import include, path

from .project import publish
from .publishing import publishing_view

urlpatterns = [
    path("bench/publish/", publishing_view(publish)),
    path("", include("config.urls")),
]
