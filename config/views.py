"""Pages that use several apps: the dashboard, log-in, and the health checks."""

from typing import Any

from django.conf import settings
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_safe

from blog import readers
from config import demo, stage
from config.login import LogInForm
from notifications import inbox
from notifications.monitoring import check_health, may_read
from orders import payments
from orders.dashboard import day_of
from orders.models import Order, Product

# Notifications on the dashboard; the inbox has the others.
LISTED = 20
# Orders and posts on the dashboard; their own pages have the others.
ROWS = 5


@require_GET
def dashboard(request: HttpRequest) -> HttpResponse:
    """The dashboard for the user's roles (seller, buyer, author, reader); the start page without a log-in."""
    if not request.user.is_authenticated:
        return render(request, "dashboard.html", stage.context(request))
    orders = Order.objects.of_buyer(request.user)
    is_seller = Product.objects.filter(seller=request.user).exists()
    if is_seller:
        payments.expire_overdue(Order.objects.of_seller(request.user))
    payments.expire_overdue(orders)
    authored, feed = readers.standing_of(request.user), readers.feed_of(request.user)
    context = {
        "is_seller": is_seller,
        "is_author": authored is not None,
        "day": day_of(request.user) if is_seller else None,
        "orders": orders.select_related("product")[:ROWS],
        "authored": authored,
        "authored_posts": authored.posts[:ROWS] if authored else None,
        "follows": feed is not None,
        "feed": feed[:ROWS] if feed is not None else None,
        "is_demo": settings.DEBUG,
        "items": inbox.page(request.user, LISTED)[0],
    }
    return render(request, "dashboard.html", context)


class LogIn(LoginView):
    """The log-in page, which lists the demo users."""

    form_class = LogInForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(demo_people=demo.people(), **kwargs)


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Responds with 200 as long as this process can."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Answers 200 if this process can serve, else 503: the state, and its parts for users who may read the metrics."""
    found = check_health()
    text = found.text() if may_read(request) else f"{found.state}\n"
    return HttpResponse(text, status=503 if found.failed else 200, content_type="text/plain; charset=utf-8")
