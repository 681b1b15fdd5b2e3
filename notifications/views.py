"""The inbox's pages. Every change is a POST, and touches only the reader's own."""

from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from notifications import inbox
from notifications.requests import AuthenticatedRequest

LARGEST = 2**63 - 1


@require_GET
@login_required
def inbox_page(request: AuthenticatedRequest) -> HttpResponse:
    """What the reader was told: all of it or the unread, newest first, a page at a time by position."""
    show = request.GET.get("show", "all")
    before = request.GET.get("before", "")
    if show not in ("all", "unread"):
        raise BadRequest("show is all or unread")
    if before and not (before.isascii() and before.isdecimal() and int(before[:20]) <= LARGEST):
        raise BadRequest("before is a position")
    found = list(
        inbox.items(request.user, unread_only=show == "unread", before=int(before) if before else None)[
            : inbox.PAGE + 1
        ]
    )
    items = found[: inbox.PAGE]
    next_cursor = items[-1].position if len(found) > inbox.PAGE else None
    return render(request, "notifications/inbox.html", {"items": items, "filter": show, "next_cursor": next_cursor})


@require_POST
@login_required
def mark_read(request: AuthenticatedRequest, position: int) -> HttpResponse:
    """Marks one item as read and leads to what it is about."""
    event = inbox.mark_read(request.user, position) if position <= LARGEST else None
    if event is None:
        raise Http404
    # The link is the domain's, of this site; anything else leads nowhere.
    local = event.url.startswith("/") and not event.url.startswith("//")
    return redirect(event.url if local else "notifications:inbox")


@require_POST
@login_required
def mark_all_read(request: AuthenticatedRequest) -> HttpResponse:
    """Marks everything as read that the reader could have seen on the page it was sent from."""
    through = request.POST.get("through", "")
    if through and not (through.isascii() and through.isdecimal() and int(through[:20]) <= LARGEST):
        raise BadRequest("through is a position")
    inbox.mark_all_read(request.user, int(through) if through else None)
    back = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()})
    return redirect(back if safe else "notifications:inbox")


def stream_elsewhere(request: HttpRequest, **kwargs: object) -> HttpResponse:
    """Answers where a stream's address reaches Django: under WSGI, which cannot hold streams."""
    return HttpResponse("Streams need the ASGI application: manage.py serve.\n", status=501, content_type="text/plain")
