"""The shop in the admin: products, orders with demo actions, and read-only payments and callbacks."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.options import InlineModelAdmin
from django.core.exceptions import ValidationError
from django.db import models, router, transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from notifications.admin import ReadOnlyAdmin, RetractionAdmin
from orders import notifiers, payments
from orders.demo import simulator
from orders.models import Callback, Order, Payment, Product, Status
from orders.money import amount_of

if TYPE_CHECKING:
    from django.contrib.auth.models import User


class AmountField(forms.DecimalField):
    """An amount in the strict form that callbacks use."""

    def to_python(self, value: Any) -> Any:
        """Returns the amount as a Decimal; None for an empty field."""
        if value in self.empty_values:
            return None
        try:
            return amount_of(str(value).strip())
        except ValueError:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from None


AMOUNTS: Mapping[Any, Mapping[str, Any]] = {models.DecimalField: {"form_class": AmountField}}


@admin.action(description=_("Place a demo order"), permissions=["order"])
def place_demo_order(modeladmin: admin.ModelAdmin, request: HttpRequest, products: QuerySet[Product]) -> None:
    """Orders each chosen product once, as the user who is logged in."""
    chosen = list(products.select_related("seller"))
    for product in chosen:
        Order.objects.create(buyer=cast("User", request.user), product=product)
    count = len(chosen)
    messages.success(request, ngettext("%d order placed.", "%d orders placed.", count) % count)


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):
    formfield_overrides = AMOUNTS
    list_display = ("name", "seller", "price", "currency")
    list_filter = ("currency",)
    search_fields = ("name", "seller__username")
    autocomplete_fields = ("seller",)
    actions = (place_demo_order,)

    def has_order_permission(self, request: HttpRequest) -> bool:
        """Placing demo orders takes the permission to add orders."""
        return request.user.has_perm("orders.add_order")


@admin.action(description=_("Mark as paid"), permissions=["change"])
def mark_paid(modeladmin: admin.ModelAdmin, request: HttpRequest, orders: QuerySet[Order]) -> None:
    """Settles those of the chosen orders that are pending, as for a payment made outside of the provider."""
    count = 0
    for order in orders.select_related("product", "buyer"):
        with transaction.atomic(using=router.db_for_write(Order)):
            payments.expire(order)
            if payments.settle(order, Status.PAID):
                notifiers.order_paid(order)
                count += 1
    messages.success(request, ngettext("%d order marked as paid.", "%d orders marked as paid.", count) % count)


@admin.action(description=_("Send the simulated callback (paid)"), permissions=["simulate"])
def simulate_payment(modeladmin: admin.ModelAdmin, request: HttpRequest, orders: QuerySet[Order]) -> None:
    """Sends a signed callback for each chosen order, as the payment provider would; it is checked like any other."""
    for order in orders.select_related("product", "buyer"):
        answer = simulator.deliver(simulator.Message(order), source="admin")
        level = messages.ERROR if answer.error else messages.SUCCESS
        text = _("Order %(number)s: answered %(status)s %(answer)s")
        said = {"number": order.number, "status": answer.status, "answer": answer.error or answer.body}
        messages.add_message(request, level, text % said)


@admin.action(description=_("Cancel orders that are not paid"), permissions=["change"])
def cancel_orders(modeladmin: admin.ModelAdmin, request: HttpRequest, orders: QuerySet[Order]) -> None:
    """Cancels those of the chosen orders that are pending."""
    count = 0
    for order in orders.select_related("product", "buyer"):
        payments.expire(order)
        count += payments.cancel(order)
    messages.success(request, ngettext("%d order cancelled.", "%d orders cancelled.", count) % count)


@admin.action(description=_("Mark as refunded"), permissions=["change"])
def mark_orders_refunded(modeladmin: admin.ModelAdmin, request: HttpRequest, orders: QuerySet[Order]) -> None:
    """Records that the money of the chosen orders, if they were paid, has been returned."""
    count = sum(payments.refund(order) for order in orders.select_related("product", "buyer"))
    messages.success(request, ngettext("%d order marked as refunded.", "%d orders marked as refunded.", count) % count)


class AttemptsInline(admin.TabularInline):
    """The attempts to pay an order, declined ones too; read-only."""

    model = Payment
    verbose_name_plural = _("attempts to pay")
    can_delete = False
    show_change_link = True
    fields = ("received_at", "outcome", "amount", "currency", "applied", "refund_due", "refunded_at", "report_id")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Order)
class OrderAdmin(RetractionAdmin):
    """Orders. Only payments and actions change the status, so that each change has one winner."""

    formfield_overrides = AMOUNTS
    list_display = ("number", "buyer", "product", "amount", "currency", "status", "placed_at")
    list_filter = ("status", "currency", "placed_at")
    list_select_related = ("buyer", "product")
    search_fields = ("number", "buyer__username", "product__name")
    autocomplete_fields = ("buyer", "product")
    readonly_fields = ("status", "placed_at", "paid_at", "refunded_at", "expires_at")
    inlines = (AttemptsInline,)
    actions = (mark_paid, cancel_orders, mark_orders_refunded, simulate_payment)
    date_hierarchy = "placed_at"

    def get_inlines(self, request: HttpRequest, obj: Any) -> tuple[type[InlineModelAdmin], ...]:
        """Returns none for a new order, which has no attempts yet."""
        return self.inlines if obj else ()

    def has_simulate_permission(self, request: HttpRequest) -> bool:
        """Simulating takes the permission to change orders, and a site where the demo plays the provider."""
        return settings.PAYMENT_DEMO_WALLET and request.user.has_perm("orders.change_order")


@admin.action(description=_("Mark as refunded"), permissions=["refund"])
def mark_refunded(modeladmin: admin.ModelAdmin, request: HttpRequest, chosen: QuerySet[Payment]) -> None:
    """Records that the money of late or second payments has been returned."""
    due = chosen.filter(refund_due=True).select_related("order__product", "order__buyer")
    count = sum(payments.refund_payment(payment) for payment in due)
    messages.success(
        request, ngettext("%d payment marked as refunded.", "%d payments marked as refunded.", count) % count
    )


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin):
    """Payments as the provider reported them; read-only, except that refunds can be recorded."""

    list_display = (
        "report_id",
        "provider",
        "order",
        "outcome",
        "amount",
        "currency",
        "applied",
        "refund_due",
        "received_at",
    )
    list_filter = ("refund_due", "outcome", "applied", "provider", "received_at")
    list_select_related = ("order",)
    search_fields = ("report_id", "order__number")
    actions = (mark_refunded,)

    def has_refund_permission(self, request: HttpRequest) -> bool:
        """Recording refunds takes the permission to change payments; the admin changes nothing else of a payment."""
        return request.user.has_perm("orders.change_payment")


@admin.register(Callback)
class CallbackAdmin(ReadOnlyAdmin):
    """Every callback with its raw body and its outcome; read-only."""

    list_display = ("id", "received_at", "provider", "outcome", "status", "reason", "order", "report_id", "source")
    list_filter = ("outcome", "status", "provider", "received_at")
    list_select_related = ("order",)
    search_fields = ("report_id", "source", "order__number")
    show_full_result_count = False
