"""URLs of the site (docs/design.md, "Operating contract")."""

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path
from django.views.generic import RedirectView

from config import stage, views

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("accounts/login/", views.LogIn.as_view(), name="login"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
    # The admin uses the site's log-in, so that one limit holds for both.
    path("admin/login/", RedirectView.as_view(pattern_name="login", query_string=True)),
    path("admin/", admin.site.urls),
    path("demo/", stage.page, name="stage"),
    path("demo/enter/<str:token>/", stage.enter, name="enter"),
    path("demo/happen/", stage.happen, name="happen"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("notifications.all_urls")),
    path("", include("orders.urls")),
    path("", include("blog.urls")),
]
