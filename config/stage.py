"""The demo's stage: a page with links that log in as each demo user, and buttons that cause orders, payments and posts.

Only where DEBUG is on. Cookies belong to a host, and browsers resolve every name below `localhost` to this machine, so
the seller at seller.localhost and the buyer at buyer.localhost have two sessions side by side in one browser.
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
# A page may stay open for long, and its links log in demo users only.
TOKEN_SECONDS = 86_400
BURST = 5


class Role(NamedTuple):
    """A demo user, and the link that logs in as that user."""

    username: str
    description: Promise
    url: str


def roles(request: HttpRequest) -> list[Role]:
    """Returns the roles, each at a host of its own if the request came to a name of this machine."""
    found = []
    for person in demo.people():
        path = reverse("enter", args=[signing.dumps(person.username, salt=SALT)])
        found.append(
            Role(person.username, person.role, f"{request.scheme}://{host_for(request, person.username)}{path}")
        )
    return found


def host_for(request: HttpRequest, name: str) -> str:
    """Returns `name`.localhost, which has its own cookies, for a request to this machine's name; else its host."""
    host = request.get_host()
    bare, colon, port = host.rpartition(":") if not host.endswith("]") and ":" in host else (host, "", "")
    local = bare in ("localhost", "127.0.0.1", "[::1]") or bare.endswith(".localhost")
    return f"{name}.localhost{colon}{port}" if local else host


def context(request: HttpRequest) -> dict[str, Any]:
    """Returns the template context of partials/stage.html and of the start page."""
    return {"roles": roles(request), "demo_people": demo.people(), "deeds": DEEDS if settings.DEBUG else {}}


@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """The stage as a page of its own, for users who are logged in."""
    if not settings.DEBUG:
        raise Http404
    return render(request, "stage.html", context(request))


@require_GET
@never_cache
def enter(request: HttpRequest, token: str) -> HttpResponse:
    """Logs a demo user in; the signature in the link shows that this site made it."""
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
    """Does one of DEEDS, as the demo's users would."""
    if not settings.DEBUG:
        raise Http404
    deed = DEEDS.get(request.POST.get("deed", ""))
    if deed is None:
        raise BadRequest(f"deed is one of {', '.join(DEEDS)}")
    deed.do()
    messages.success(request, str(deed.done))
    return redirect("stage" if request.user.is_authenticated else "dashboard")


def place(count: int = 1) -> list[Order]:
    """Places orders of the demo's buyer with the demo's seller."""
    buyer = get_object_or_404(get_user_model(), username="buyer")
    products = list(Product.objects.filter(seller__username="seller").select_related("seller"))
    if not products:
        raise Http404
    already = Order.objects.of_buyer(buyer).count()
    chosen = [products[(already + number) % len(products)] for number in range(count)]
    return [Order.objects.create(buyer=buyer, product=product) for product in chosen]


def pay(*, succeeded: bool) -> None:
    """Places an order, and sends the payment provider's report of a payment that succeeded or was declined."""
    (order,) = place()
    simulator.deliver(simulator.Message(order, succeeded=succeeded), source="stage")


def publish() -> None:
    """Publishes a post of the demo's author."""
    author = get_object_or_404(get_user_model(), username="author")
    title = f"Notes from the workshop, {timezone.now():%H:%M:%S}"
    Post.objects.create(author=author, title=title, status=Post.Status.PUBLISHED)


class Deed(NamedTuple):
    """An action of the demo: the button's label, the message afterwards, the icon, and the function."""

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
