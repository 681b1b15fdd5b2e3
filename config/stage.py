"""The demo's stage: every role one click away, each with a session of its own, and buttons that make things happen.

Only where DEBUG is on. A cookie belongs to a host, and browsers take every name below `localhost` for this machine: the
seller at seller.localhost and the buyer at buyer.localhost are two sessions, side by side in one browser.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import get_user_model, login
from django.core import signing
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from blog.models import Post
from config import demo
from orders.demo import simulator
from orders.models import Order, Product

SALT = "config.stage"
# A page may stay open for long; the link logs in nobody but the demo's people.
TOKEN_SECONDS = 86_400
BURST = 5


class Role(NamedTuple):
    """One of the demo's people, and the link that opens the site as that person."""

    username: str
    description: Promise
    url: str


def roles(request: HttpRequest) -> list[Role]:
    """The people to play, each at a host of its own where this machine's names allow it."""
    found = []
    for person in demo.people():
        path = reverse("enter", args=[signing.dumps(person.username, salt=SALT)])
        found.append(
            Role(person.username, person.role, f"{request.scheme}://{host_for(request, person.username)}{path}")
        )
    return found


def host_for(request: HttpRequest, name: str) -> str:
    """A host with cookies of its own, if the request came to this machine by one of its names; else the same host."""
    host = request.get_host()
    bare, colon, port = host.rpartition(":") if not host.endswith("]") and ":" in host else (host, "", "")
    local = bare in ("localhost", "127.0.0.1", "[::1]") or bare.endswith(".localhost")
    return f"{name}.localhost{colon}{port}" if local else host


def context(request: HttpRequest) -> dict[str, Any]:
    """What the stage's part of a page needs."""
    return {"roles": roles(request), "demo_people": demo.people(), "deeds": DEEDS if settings.DEBUG else {}}


@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """The stage as a page of its own, for who is logged in already."""
    if not settings.DEBUG:
        raise Http404
    return render(request, "stage.html", context(request))


@require_GET
@never_cache
def enter(request: HttpRequest, token: str) -> HttpResponse:
    """Logs one of the demo's people in; the link's signature says that this site made it."""
    try:
        name = signing.loads(token, salt=SALT, max_age=TOKEN_SECONDS)
    except signing.BadSignature:
        raise Http404 from None
    if name not in {person.username for person in demo.people()}:
        raise Http404
    person = get_object_or_404(get_user_model(), username=name, is_active=True)
    if request.user != person:
        login(request, person)
    return redirect("dashboard")


@require_POST
def happen(request: HttpRequest) -> HttpResponse:
    """Makes one of the deeds happen, as the demo's people would."""
    if not settings.DEBUG:
        raise Http404
    deed = DEEDS.get(request.POST.get("deed", ""))
    if deed is None:
        raise BadRequest(f"deed is one of {', '.join(DEEDS)}")
    deed.do()
    messages.success(request, str(deed.done))
    return redirect("stage" if request.user.is_authenticated else "dashboard")


def place(count: int = 1) -> list[Order]:
    """The buyer orders from the seller."""
    buyer = get_object_or_404(get_user_model(), username="buyer")
    products = list(Product.objects.filter(seller__username="seller").select_related("seller"))
    if not products:
        raise Http404
    already = Order.objects.of_buyer(buyer).count()
    chosen = [products[(already + number) % len(products)] for number in range(count)]
    return [Order.objects.create(buyer=buyer, product=product) for product in chosen]


def pay(*, succeeded: bool) -> None:
    """The buyer orders, and the payment provider reports how the payment went."""
    (order,) = place()
    simulator.deliver(simulator.Message(order, succeeded=succeeded), source="stage")


def publish() -> None:
    """The author publishes a post."""
    author = get_object_or_404(get_user_model(), username="author")
    title = f"Notes from the workshop, {timezone.now():%H:%M:%S}"
    Post.objects.create(author=author, title=title, status=Post.Status.PUBLISHED)


class Deed(NamedTuple):
    """Something to make happen: what the button says, what is said afterwards."""

    label: Promise
    done: Promise
    icon: str
    do: Callable[[], object]


DEEDS = {
    "order": Deed(_("Place an order"), _("The buyer has placed an order."), "bag", place),
    "orders": Deed(_("Place five orders"), _("The buyer has placed five orders."), "receipt", lambda: place(BURST)),
    "paid": Deed(
        _("Order and pay"), _("The buyer has placed an order and paid it."), "order.paid", lambda: pay(succeeded=True)
    ),
    "declined": Deed(
        _("Let a payment be declined"),
        _("The buyer has placed an order, and the payment was declined. The order can still be paid."),
        "payment.failed",
        lambda: pay(succeeded=False),
    ),
    "post": Deed(_("Publish a post"), _("The author has published a post."), "pen", publish),
}
