"""The shop's pages. Every lookup is scoped to the user; every change is a POST."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from notifications.middleware import AuthenticatedRequest
from orders import payments
from orders.addresses import client_address
from orders.demo import simulator, wallet
from orders.models import Order, Product, Status
from orders.payments import PROVIDERS, STANDARD, callbacks
from orders.payments.callbacks import Arrival

# Orders on a page; the admin has the older ones.
LISTED = 100
# Seconds after which a payment page without JavaScript loads again.
REFRESH_SECONDS = 3


@require_GET
@login_required
def products(request: AuthenticatedRequest) -> HttpResponse:
    return render(request, "orders/products.html", {"products": Product.objects.select_related("seller")})


@require_POST
@login_required
def place(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Places an order and redirects to its payment page."""
    product = get_object_or_404(Product, pk=pk)
    order = Order.objects.create(buyer=request.user, product=product)
    return redirect("orders:pay", order.number)


@require_GET
@login_required
def mine(request: AuthenticatedRequest) -> HttpResponse:
    """The orders that the user placed."""
    orders = Order.objects.of_buyer(request.user)
    payments.expire_overdue(orders)
    return render(request, "orders/mine.html", {"orders": orders.select_related("product__seller")[:LISTED]})


@require_GET
@login_required
def sales(request: AuthenticatedRequest) -> HttpResponse:
    """The orders of the products that the user sells."""
    orders = Order.objects.of_seller(request.user)
    payments.expire_overdue(orders)
    return render(request, "orders/sales.html", {"orders": orders.select_related("product", "buyer")[:LISTED]})


def order_of(request: AuthenticatedRequest, number: int, *roles: str) -> Order:
    """Returns the order, and expires it if its window is over.

    roles: "buyer", "seller". Raises Http404 unless the user has one of them in the order.
    """
    order = Order.objects.select_related("product__seller", "buyer").filter(number=number).first()
    if order is None or not any(getattr(order, role) == request.user for role in roles):
        raise Http404
    payments.expire(order)
    return order


@require_GET
@login_required
def detail(request: AuthenticatedRequest, number: int) -> HttpResponse:
    """An order, for its buyer and its seller."""
    order = order_of(request, number, "buyer", "seller")
    context = {
        "order": order,
        "is_buyer": order.buyer == request.user,
        "is_seller": order.seller == request.user,
        "refunds_due": order.payments.filter(refund_due=True).order_by("pk"),
    }
    return render(request, "orders/detail.html", context)


@require_POST
@login_required
def cancel_order(request: AuthenticatedRequest, number: int) -> HttpResponse:
    """Cancels a pending order; only for its buyer."""
    order = order_of(request, number, "buyer")
    if payments.cancel(order):
        # Open payment pages go there too.
        return redirect("orders:outcome", number)
    say_why_not(request, order, _("Order %(number)s can no longer be cancelled: %(status)s."))
    return redirect(order)


@require_POST
@login_required
def refund_order(request: AuthenticatedRequest, number: int) -> HttpResponse:
    """Records that the money of a paid order was returned; only for its seller."""
    order = order_of(request, number, "seller")
    if payments.refund(order):
        messages.success(request, _("Order %(number)s is marked as refunded.") % {"number": number})
    else:
        say_why_not(request, order, _("Order %(number)s cannot be refunded: %(status)s."))
    return redirect(order)


@require_POST
@login_required
def refund_late_payment(request: AuthenticatedRequest, number: int, pk: int) -> HttpResponse:
    """Records that a late or second payment was returned; only for the order's seller."""
    order = order_of(request, number, "seller")
    if payments.refund_payment(
        get_object_or_404(order.payments.select_related("order__product", "order__buyer"), pk=pk)
    ):
        messages.success(request, _("The payment is marked as refunded."))
    else:
        messages.error(request, _("This payment is not due for refund."))
    return redirect(order)


def say_why_not(request: HttpRequest, order: Order, text: str) -> None:
    """Adds an error message with the order's status."""
    messages.error(request, text % {"number": order.number, "status": order.get_status_display()})


@require_GET
@login_required
def pay(request: AuthenticatedRequest, number: int) -> HttpResponse:
    """The payment page, which waits for the provider's report; redirects once the order has ended."""
    order = order_of(request, number, "buyer")
    if order.status != Status.PENDING:
        return redirect("orders:outcome", order.number)
    context = {
        "order": order,
        "declined": order.declined_attempts,
        "stream_url": reverse("orders:stream", args=[order.number]),
        "outcome_url": reverse("orders:outcome", args=[order.number]),
        "refresh_seconds": REFRESH_SECONDS,
    }
    if settings.PAYMENT_DEMO_WALLET:
        address = request.build_absolute_uri(reverse("orders:wallet", args=[wallet.token(order)]))
        site = request.build_absolute_uri("/").rstrip("/")
        context |= {
            "qr_svg": wallet.qr_svg(address),
            "wallet_url": address,
            "simulate_command": f".venv/bin/python manage.py simulate_payment {number} --base-url {site}",
        }
    return render(request, "orders/pay.html", context)


@require_GET
@login_required
def outcome(request: AuthenticatedRequest, number: int) -> HttpResponse:
    """The page that shows how a payment ended; redirects to the payment page while the order is pending."""
    order = order_of(request, number, "buyer")
    if order.status == Status.PENDING:
        return redirect("orders:pay", order.number)
    return render(request, "orders/outcome.html", {"order": order})


@require_http_methods(["GET", "POST"])
def wallet_page(request: HttpRequest, token: str) -> HttpResponse:
    """The demo wallet's page: confirm or decline. The token is the permission, as long as the payment window lasts."""
    order = wallet.order_for(token) if settings.PAYMENT_DEMO_WALLET else None
    if order is None:
        raise Http404
    payments.expire(order)
    if request.method == "POST" and wallet.may_pay(order):
        decision = request.POST.get("decision")
        if decision not in ("confirm", "decline"):
            raise BadRequest("decision is confirm or decline")
        simulator.deliver(simulator.Message(order, succeeded=decision == "confirm"), source="wallet")
        return redirect("orders:wallet", token)
    # 410 Gone: the link was valid and will not be again.
    status = 410 if order.status in (Status.EXPIRED, Status.CANCELLED) else 200
    context = {"order": order, "may_pay": wallet.may_pay(order), "declined": order.declined_attempts}
    return render(request, "orders/wallet.html", context, status=status)


@csrf_exempt
@require_POST
def callback(request: HttpRequest, provider: str = STANDARD.name) -> HttpResponse:
    """Receives a payment provider's callback; responds with 2xx only after the commit."""
    if provider not in PROVIDERS:
        return JsonResponse({"error": "there is no such provider"}, status=404)
    # Not request.body, which answers a large body with Django's own error page.
    body = request.read(callbacks.LARGEST_BODY + 1)
    source = client_address(request)
    answer = callbacks.receive(Arrival(PROVIDERS[provider], request.headers, body, source))
    return HttpResponse(answer.body, status=answer.status, content_type=answer.content_type)
