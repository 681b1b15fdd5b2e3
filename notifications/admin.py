"""The log, its readers and the server processes in the admin, read-only."""

import time
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.utils import NestedObjects
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db import router
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from notifications import deletions, preferences
from notifications.models import ConsumerCursor, Digest, Event, Preference, ServerProcess, Subscription
from notifications.monitoring import dashboard, delivery_trace, why
from notifications.sanitizing import parse_position

# The lookup of what people log in with.
USER_NAME = f"user__{get_user_model().USERNAME_FIELD}"
# Seconds after a request for reports in which the page waits for them.
REPORT_WAIT = 20


def reports_may_come(asked: str) -> bool:
    """Whether reports that were asked for at this time, in seconds since the epoch, may still arrive."""
    try:
        return 0 <= time.time() - parse_position(asked) < REPORT_WAIT
    except ValueError:
        return False


# The admin of these does not allow a deletion; without the person they are nothing.
OWN_ROWS = (Subscription, Preference, Digest)


class RetractionAdmin(admin.ModelAdmin):
    """Pages of rows whose events `deletions.retract_on_delete()` retracts: before a deletion, Django's page names their number."""

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """Adds to the summary the events that are retracted, and the people who have them in their inboxes.

        A person's subscriptions, preferences and digest are deleted with the person: they need no permission of their own.
        """
        to_delete, counts, needed, protected = super().get_deleted_objects(objs, request)
        needed = {name for name in needed if str(name) not in {str(model._meta.verbose_name) for model in OWN_ROWS}}
        collector = NestedObjects(using=router.db_for_write(self.model), origin=objs)
        collector.collect(objs)
        rows = [row for found in collector.model_objs.values() for row in found]
        events, people = deletions.audience(list(deletions.keys_of(rows)))
        if events:
            counts |= {str(_("notifications that are retracted")): events, str(_("people who were notified")): people}
        return to_delete, counts, needed, protected


class ReadOnlyAdmin(admin.ModelAdmin):
    """Pages of rows that only code writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # `manage.py prune_events` deletes events, and moves the log's horizon with them.
        return False


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """The event log, newest first."""

    list_display = ("position", "kind", "channel", "title", "created_at", "retracted_at")
    list_filter = ("kind", "created_at")
    search_fields = ("channel", "key")
    ordering = ("-id",)
    # The count at the page's foot would read all rows of a long log.
    show_full_result_count = False

    def get_urls(self) -> list[URLPattern]:
        """Adds the page that explains the delivery of an event."""
        view = self.admin_site.admin_view(self.explain_delivery)
        return [path("<int:pk>/why/", view, name="notifications_event_why"), *super().get_urls()]

    def explain_delivery(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Shows why a person got this event, or did not; a POST asks all processes to report the person's streams."""
        # The page shows subscriptions, so it needs the permission to view them.
        if not (self.has_view_permission(request) and request.user.has_perm("notifications.view_subscription")):
            raise PermissionDenied
        event = get_object_or_404(Event, pk=pk)
        model = get_user_model()
        name = (request.POST if request.method == "POST" else request.GET).get("user", "").strip()
        user = model.objects.filter(**{model.USERNAME_FIELD: name}).first() if name else None
        if request.method == "POST" and user is not None and event.position is not None:
            delivery_trace.ask(request.user.pk, user.pk, event)
            return redirect(f"{request.path}?{urlencode({'user': name, 'asked': int(time.time())})}")
        streams = why.streams(user, event) if user else None
        context = {
            **self.admin_site.each_context(request),
            "title": _("Why did somebody get this, or not?"),
            "opts": self.opts,
            "event": event,
            "name": name,
            "person": user,
            "answers": why.explain(user, event) if user else (),
            "steps": why.steps(user, event) if user else (),
            "told": streams,
            # The processes report within seconds; after REPORT_WAIT one has to ask again.
            "waits": bool(streams and streams.awaited and reports_may_come(request.GET.get("asked", ""))),
        }
        return TemplateResponse(request, "admin/notifications/event/why.html", context)


@admin.register(ServerProcess)
class ServerProcessAdmin(ReadOnlyAdmin):
    """The operators' page: the figures of all server processes, live."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Shows the figures of now; the page's script keeps them current by a stream."""
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
    """The position up to which each person has been mailed."""

    list_display = ("user", "through", "sent_at", "claimed_at")
    list_select_related = ("user",)
    search_fields = (USER_NAME,)
    show_full_result_count = False


@admin.register(ConsumerCursor)
class ConsumerCursorAdmin(ReadOnlyAdmin):
    """How far each consumer is, and in which process."""

    list_display = ("name", "position", "set_aside", "retry_at", "error", "holder")


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
    """The channels of each person."""

    list_display = ("user", "channel", "since", "read_through", "muted")
    list_filter = ("muted",)
    list_select_related = ("user",)
    search_fields = (USER_NAME, "channel")
    show_full_result_count = False


@admin.register(Preference)
class PreferenceAdmin(ReadOnlyAdmin):
    """People's preferences. Read-only, because a change in the admin would not reach open streams."""

    list_display = ("user", "switched_off", "quiet_hours")
    list_select_related = ("user",)
    search_fields = (USER_NAME,)
    show_full_result_count = False

    @admin.display(description=_("switched off"))
    def switched_off(self, preference: Preference) -> str:
        """The kinds that are off on the page."""
        return ", ".join(sorted(preferences.from_stored(preference.choices).silenced))

    @admin.display(description=_("Quiet hours"))
    def quiet_hours(self, preference: Preference) -> str:
        """The hours and their time zone; empty where they are off."""
        quiet = preferences.from_stored(preference.choices).quiet
        return f"{quiet.start:%H:%M}–{quiet.until:%H:%M} {quiet.tzinfo}" if quiet.on else ""
