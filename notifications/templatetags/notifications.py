"""`{% notifications_bell %}` and `{% notifications_inbox %}`: the reader's notifications on the pages of any site.

Each is a custom element with a shadow root that the server renders, so that no style sheet of the site changes it and its own
changes nothing of the site. It works without a script; the script that it loads keeps it up to date (docs/embedding.md).
"""

from typing import Any

from django import template
from django.http import HttpRequest
from django.template.context import Context

from notifications import context_processors, inbox

register = template.Library()

# In what a page keeps while it is rendered: the reader's state, and whether a tag has loaded the script.
STATE, LOADED = "notifications elements: state", "notifications elements: script"
LONGEST_LIST = 100


@register.inclusion_tag("notifications/elements/bell.html", takes_context=True)
def notifications_bell(context: Context) -> dict[str, Any]:
    """A link to the inbox with the number of unread notifications. Renders nothing for an anonymous visitor."""
    return element_of(context)


@register.inclusion_tag("notifications/elements/inbox.html", takes_context=True)
def notifications_inbox(context: Context, limit: int = 10) -> dict[str, Any]:
    """The newest notifications, to read and to dismiss. Renders nothing for an anonymous visitor.

    limit: how many, from 1 to 100. Raises TemplateSyntaxError for any other value.
    """
    if not isinstance(limit, int) or not 1 <= limit <= LONGEST_LIST:
        raise template.TemplateSyntaxError(f"notifications_inbox: limit is a number from 1 to {LONGEST_LIST}")
    element = element_of(context)
    if element["notifications"]:
        request = element["request"]
        silenced = getattr(getattr(request, "preferences", None), "silenced", None)
        items, _next = inbox.page(request.user, limit, silenced=silenced)
        element |= {"items": items, "limit": limit}
    return element


def element_of(context: Context) -> dict[str, Any]:
    """Returns the context of an element's template; `notifications` in it is None if there is nobody to notify."""
    request = context.get("request")
    # The page's own: render_context shows each included template a layer of its own.
    kept: dict[Any, Any] = context.render_context.dicts[0]
    if STATE not in kept:
        # Not the page's variable `notifications`: a view may have one of that name.
        made = context_processors.notifications(request) if request else {}
        kept[STATE] = made.get("notifications")
    first = LOADED not in kept
    kept[LOADED] = True
    return {
        "notifications": kept[STATE],
        "request": request,
        "loads_script": first,
        "nonce": nonce_of(context, request),
    }


def nonce_of(context: Context, request: HttpRequest | None) -> str:
    """Returns the nonce of the page's Content-Security-Policy, Django's or django-csp's; empty without one."""
    nonce = context.get("csp_nonce")
    if nonce is None:
        nonce = getattr(request, "csp_nonce", None)
    # Django's is false until it is used.
    return "" if nonce is None else str(nonce)
