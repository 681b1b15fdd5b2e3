"""The pages of the inbox and the settings. Every change is a POST, and changes only the reader's own rows."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from notifications import conf, inbox, kinds, preferences, subscriptions
from notifications.digests import message
from notifications.inbox import groups
from notifications.middleware import AuthenticatedRequest
from notifications.models import Reading
from notifications.sanitizing import LARGEST_POSITION, local_path, parse_position

# The values of the forms' `action`, and the state that each gives to an item.
ACTIONS = {
    "read": Reading.State.READ,
    "unread": Reading.State.UNREAD,
    "dismiss": Reading.State.DISMISSED,
}


def position_of(text: str, name: str) -> int:
    """Reads a position of the log; raises BadRequest with the parameter's name for anything else."""
    try:
        return parse_position(text)
    except ValueError as error:
        raise BadRequest(f"{name}: {error}") from None


def back(request: HttpRequest) -> HttpResponse:
    """Redirects to the page that had the form, if it is one of this site, else to the inbox."""
    return redirect(local_path(request.POST.get("next", "")) or "notifications:inbox")


@require_GET
@login_required
def inbox_page(request: AuthenticatedRequest) -> HttpResponse:
    """One page of the inbox, newest first: all events or the unread ones, of all kinds or of one."""
    show = request.GET.get("show", "all")
    kind = request.GET.get("kind", "")
    before = request.GET.get("before", "")
    silenced = request.preferences.silenced
    offered = [known for known in kinds.listed() if known.name not in silenced]
    if show not in ("all", "unread"):
        raise BadRequest("show is all or unread")
    if kind and kind not in [known.name for known in offered]:
        raise BadRequest("kind is one of those that are listed")
    items, next_cursor = inbox.page(
        request.user,
        inbox.PAGE,
        unread_only=show == "unread",
        before=position_of(before, "before") if before else None,
        kind=kind,
        silenced=silenced,
    )
    # The script puts new events at the top: that is their place on the first page of all kinds, and on no other page.
    live = not before and not kind
    context = {
        "items": items,
        "days": groups.by_day(items, with_today=live),
        "live": live,
        "filter": show,
        "kind": kind,
        "kinds": offered,
        "next_cursor": next_cursor,
    }
    return render(request, "notifications/inbox.html", context)


@require_POST
@login_required
def inbox_mark_read(request: AuthenticatedRequest, position: int) -> HttpResponse:
    """Marks one item as read and redirects to its link."""
    event = inbox.mark_read(request.user, position) if position <= LARGEST_POSITION else None
    if event is None:
        raise Http404
    return redirect(event.link or "notifications:inbox")


@require_POST
@login_required
def inbox_mark_all_read(request: AuthenticatedRequest) -> HttpResponse:
    """Marks all events as read up to `through`, the cursor of the page that has the form: the reader saw no later ones."""
    through = request.POST.get("through", "")
    inbox.mark_all_read(request.user, position_of(through, "through") if through else None)
    return back(request)


@require_POST
@login_required
def inbox_change(request: AuthenticatedRequest) -> HttpResponse:
    """Marks items as read or unread, or dismisses them; items of another inbox are ignored."""
    state = ACTIONS.get(request.POST.get("action", ""))
    positions = [position_of(text, "position") for text in request.POST.getlist("position")]
    if state is None:
        raise BadRequest(f"action is one of {', '.join(ACTIONS)}")
    inbox.change(request.user, positions, state)
    return back(request)


@require_http_methods(["GET", "POST"])
@login_required
def preferences_page(request: AuthenticatedRequest) -> HttpResponse:
    """The settings: kinds and their ways, email, quiet hours, and the channels that the reader may mute."""
    problem = ""
    if request.method == "POST":
        try:
            preferences.save(request.user, preferences.from_form(request.POST))
        except ValidationError as error:
            problem = " ".join(error.messages)
        else:
            messages.success(request, _("Saved. It holds from now on, on all your open pages."))
            return redirect("notifications:preferences")
    chosen = preferences.of(request.user)
    context = {
        "problem": problem,
        "rows": [(kind, chosen.kinds[kind.name]) for kind in kinds.listed()],
        "email": chosen.email,
        "address": message.address_of(request.user),
        "digest_minutes": int(conf.digest_after().total_seconds() // 60),
        "quiet": chosen.quiet,
        "quiet_now": chosen.quiet.covers(timezone.now()),
        "zones": sorted(preferences.zone_names()),
        "site_zone": settings.TIME_ZONE,
        "sources": subscriptions.sources(request.user),
    }
    return render(request, "notifications/preferences.html", context, status=400 if problem else 200)


@csrf_exempt
@require_http_methods(["GET", "POST"])
@never_cache
def unsubscribe_from_email(request: HttpRequest, token: str) -> HttpResponse:
    """Switches off all email of the person whom the link names: GET asks, POST does it.

    Mail programs send the POST themselves (RFC 8058), with neither cookies nor a CSRF token. Scanners of emails send the
    GET, which therefore must not change anything.
    """
    user_id = message.user_id_of(token)
    if user_id is None:
        raise Http404
    user = get_user_model().objects.filter(pk=user_id).first()
    if request.method == "POST" and user is not None:
        preferences.without_email(user)
    wanted = user is not None and preferences.of(user).email
    return render(request, "notifications/unsubscribe.html", {"wanted": wanted})


@require_POST
@login_required
def mute(request: AuthenticatedRequest) -> HttpResponse:
    """Mutes a subscribed channel, or unmutes it."""
    channel, muted = request.POST.get("channel", ""), request.POST.get("muted", "")
    if muted not in ("0", "1"):
        raise BadRequest("muted is 0 or 1")
    if not subscriptions.may_mute(channel):
        raise Http404
    subscriptions.set_muted(request.user, channel, muted=muted == "1")
    return redirect("notifications:preferences")


def stream_elsewhere(request: HttpRequest, **kwargs: object) -> HttpResponse:
    """Answers 501 where the address of a stream reaches Django itself: under WSGI, which cannot hold streams open."""
    return HttpResponse("Streams need the ASGI application: manage.py serve.\n", status=501, content_type="text/plain")
