"""The log and who hears it, in the admin: to look at, never to change."""

import time
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from notifications import preferences
from notifications.models import Digest, Event, Preference, ServerProcess, Subscription
from notifications.monitoring import dashboard, delivery_trace, why

# Seconds after a question in which its page looks for answers.
WAITS = 20


def asked_lately(moment: str) -> bool:
    """Whether a question of this moment, in seconds since the epoch, may still be answered."""
    return moment.isdecimal() and 0 <= time.time() - int(moment[:12]) < WAITS


class ReadOnlyAdmin(admin.ModelAdmin):
    """A page for rows that only code writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes; `manage.py prune_events` does, with the horizon."""
        return False


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """The event log, newest first."""

    list_display = ("position", "kind", "channel", "title", "created_at")
    list_filter = ("kind", "created_at")
    search_fields = ("channel", "key")
    ordering = ("-id",)
    # A log has many rows; counting them for the page's foot would read them all.
    show_full_result_count = False

    def get_urls(self) -> list[URLPattern]:
        """Adds the page that says why a person got an event, or did not."""
        why = self.admin_site.admin_view(self.why)
        return [path("<int:pk>/why/", why, name="notifications_event_why"), *super().get_urls()]

    def why(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Says why a person got this event, or did not; a POST asks all processes after the person's streams."""
        # It shows what people hear: whoever may not look at subscriptions may not see it here.
        if not (self.has_view_permission(request) and request.user.has_perm("notifications.view_subscription")):
            raise PermissionDenied
        event = get_object_or_404(Event, pk=pk)
        model = get_user_model()
        name = (request.POST if request.method == "POST" else request.GET).get("user", "").strip()
        user = model.objects.filter(**{model.USERNAME_FIELD: name}).first() if name else None
        if request.method == "POST" and user is not None and event.position is not None:
            delivery_trace.ask(request.user.pk, user.pk, event)
            return redirect(f"{request.path}?{urlencode({'user': name, 'asked': int(time.time())})}")
        told = why.streams(user, event) if user else None
        context = {
            **self.admin_site.each_context(request),
            "title": _("Why did somebody get this, or not?"),
            "opts": self.opts,
            "event": event,
            "name": name,
            "person": user,
            "answers": why.explain(user, event) if user else (),
            "steps": why.steps(user, event) if user else (),
            "told": told,
            # Answers come with the next reports, within seconds; whoever comes back later has to ask again.
            "waits": bool(told and told.awaited and asked_lately(request.GET.get("asked", ""))),
        }
        return TemplateResponse(request, "admin/notifications/event/why.html", context)


@admin.register(ServerProcess)
class ServerProcessAdmin(ReadOnlyAdmin):
    """The operators' page: how all server processes stand, live."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Shows the figures; the page's script has them renewed by a stream."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": _("Operations"),
            "opts": self.opts,
            "overview": dashboard.overview(),
            "stream_url": f"{reverse('notifications:operators_stream')}?language={get_language()}",
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/notifications/serverprocess/change_list.html", context)


@admin.register(Digest)
class DigestAdmin(ReadOnlyAdmin):
    """Up to where people have been told by email."""

    list_display = ("user", "through", "sent_at", "claimed_at")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    show_full_result_count = False


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
    """Who hears what, and since when."""

    list_display = ("user", "channel", "since", "read_through", "muted")
    list_filter = ("muted",)
    list_select_related = ("user",)
    search_fields = ("user__username", "channel")
    show_full_result_count = False


@admin.register(Preference)
class PreferenceAdmin(ReadOnlyAdmin):
    """How people want to be told; open streams would not hear of a change by hand."""

    list_display = ("user", "switched_off", "quiet_hours")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    show_full_result_count = False

    @admin.display(description=_("switched off"))
    def switched_off(self, preference: Preference) -> str:
        """The kinds that the person is told nothing of."""
        return ", ".join(sorted(preferences.from_stored(preference.choices).silenced))

    @admin.display(description=_("Quiet hours"))
    def quiet_hours(self, preference: Preference) -> str:
        """When nothing pops up; empty: never."""
        quiet = preferences.from_stored(preference.choices).quiet
        return f"{quiet.start:%H:%M}–{quiet.until:%H:%M} {quiet.tzinfo}" if quiet.on else ""
