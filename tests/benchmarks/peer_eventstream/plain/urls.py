import django_eventstream
from django.urls import include, path

from tests.benchmarks.publishing import publishing_view

from .views import publish

urlpatterns = [
    path("events/", include(django_eventstream.urls), {"channels": ["author"]}),
    path("bench/publish/", publishing_view(publish)),
]
