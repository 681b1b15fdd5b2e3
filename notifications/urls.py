"""URLs of the inbox. routing.py mounts the streams themselves; their names stand here for reverse()."""

from django.urls import path

from notifications import views

app_name = "notifications"

urlpatterns = [
    path("events/", views.stream_elsewhere, name="stream"),
    path("operators/events/", views.stream_elsewhere, name="operators_stream"),
    path("notifications/", views.inbox_page, name="inbox"),
    path("notifications/read/", views.inbox_mark_all_read, name="mark_all_read"),
    path("notifications/change/", views.inbox_change, name="change"),
    path("notifications/mute/", views.mute, name="mute"),
    path("notifications/unsubscribe/<str:token>/", views.unsubscribe_from_email, name="unsubscribe"),
    path("notifications/preferences/", views.preferences_page, name="preferences"),
    path("notifications/<int:position>/read/", views.inbox_mark_read, name="mark_read"),
]
