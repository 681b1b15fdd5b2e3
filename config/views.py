"""Pages that draw on all apps: the dashboard, log-in, and the health checks."""

from typing import Any

from django.contrib.auth.views import LoginView
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_safe

from blog.models import Post
from config import demo
from notifications import inbox, log
from orders.models import Product

# Lines of the dashboard's list; the rest is in the inbox.
LISTED = 20


@require_GET
def dashboard(request: HttpRequest) -> HttpResponse:
    """What is for me, as it happens; for strangers, what this is."""
    if not request.user.is_authenticated:
        return render(request, "dashboard.html", {"demo_people": demo.people()})
    context = {
        "items": inbox.items(request.user)[:LISTED],
        "is_seller": Product.objects.filter(seller=request.user).exists(),
        "is_author": Post.objects.filter(author=request.user).exists(),
    }
    return render(request, "dashboard.html", context)


class LogIn(LoginView):
    """Log-in, with the demo's people at hand."""

    redirect_authenticated_user = False

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Adds the demo's people."""
        return super().get_context_data(demo_people=demo.people(), **kwargs)


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Whether this process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Whether this process can serve: the log can be read."""
    try:
        position = log.head()
    except DatabaseError:
        return HttpResponse("the database does not answer\n", status=503, content_type="text/plain")
    return HttpResponse(f"ok, log at {position}\n", content_type="text/plain")
