"""Products, orders, payments and callbacks. An order's status is changed in orders/payments/settlement.py only."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from notifications.models import AtomicSaves
from orders.money import display

CENT = Decimal("0.01")


class Currency(models.TextChoices):
    """The currencies of prices (ISO 4217)."""

    EUR = "EUR", _("euro")
    USD = "USD", _("US dollar")
    CNY = "CNY", _("renminbi")


class Product(models.Model):
    seller = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("seller"), on_delete=models.PROTECT, related_name="products"
    )
    name = models.CharField(_("name"), max_length=120)
    description = models.TextField(_("description"), blank=True)
    price = models.DecimalField(_("price"), max_digits=12, decimal_places=2, validators=[MinValueValidator(CENT)])
    currency = models.CharField(_("currency"), max_length=3, choices=Currency.choices, default=Currency.EUR)

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        ordering = ("name", "pk")
        constraints = (models.CheckConstraint(condition=Q(price__gt=0), name="product_price_positive"),)

    def __str__(self) -> str:
        return self.name

    @property
    def price_display(self) -> str:
        """The price in the active language's format."""
        return display(self.price, self.currency)


class Status(models.TextChoices):
    """The status of an order; payments/settlement.py has the transitions. A declined attempt leaves it pending."""

    PENDING = "pending", _("waiting for payment")
    PAID = "paid", _("paid")
    EXPIRED = "expired", _("expired")
    CANCELLED = "cancelled", _("cancelled")
    REFUNDED = "refunded", _("refunded")


class OrderQuerySet(models.QuerySet["Order"]):
    """Orders by buyer, by seller and by payment window."""

    def of_buyer(self, user: Any) -> "OrderQuerySet":
        return self.filter(buyer=user)

    def of_seller(self, user: Any) -> "OrderQuerySet":
        """Orders of the products that this user sells."""
        return self.filter(product__seller=user)

    def overdue(self) -> "OrderQuerySet":
        """Pending orders whose payment window is over."""
        return self.filter(status=Status.PENDING, expires_at__lte=timezone.now())


class Order(AtomicSaves):
    """One order of one product, with the amount and currency at the time it was placed."""

    number = models.BigAutoField(_("number"), primary_key=True)
    buyer = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("buyer"), on_delete=models.PROTECT, related_name="orders"
    )
    product = models.ForeignKey(Product, verbose_name=_("product"), on_delete=models.PROTECT, related_name="orders")
    amount = models.DecimalField(
        _("amount"),
        max_digits=12,
        decimal_places=2,
        blank=True,
        validators=[MinValueValidator(CENT)],
        help_text=_("Left empty: the product's price."),
    )
    currency = models.CharField(_("currency"), max_length=3, choices=Currency.choices, blank=True)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.PENDING)
    placed_at = models.DateTimeField(_("placed"), default=timezone.now, editable=False)
    paid_at = models.DateTimeField(_("paid"), null=True, blank=True, editable=False)
    refunded_at = models.DateTimeField(_("refunded"), null=True, blank=True, editable=False)
    expires_at = models.DateTimeField(_("expires"), editable=False)

    objects = OrderQuerySet.as_manager()

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering = ("-number",)
        indexes = (models.Index(fields=("expires_at",), name="order_overdue", condition=Q(status="pending")),)
        constraints = (
            models.CheckConstraint(condition=Q(amount__gt=0), name="order_amount_positive"),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="order_status_known"),
            models.CheckConstraint(
                condition=Q(status__in=["paid", "refunded"], paid_at__isnull=False)
                | (~Q(status__in=["paid", "refunded"]) & Q(paid_at__isnull=True)),
                name="order_paid_with_time",
            ),
            models.CheckConstraint(
                condition=Q(status="refunded", refunded_at__isnull=False)
                | (~Q(status="refunded") & Q(refunded_at__isnull=True)),
                name="order_refunded_with_time",
            ),
        )

    def __str__(self) -> str:
        return str(self.number)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Fills in amount and currency from the product and the end of the payment window, and saves."""
        self.amount = self.amount or self.product.price
        self.currency = self.currency or self.product.currency
        self.expires_at = self.expires_at or self.placed_at + timedelta(seconds=settings.PAYMENT_WINDOW_SECONDS)
        super().save(*args, **kwargs)

    def get_absolute_url(self) -> str:
        return reverse("orders:detail", args=[self.number])

    @property
    def seller(self) -> Any:
        return self.product.seller

    @property
    def channel(self) -> str:
        """The channel that the order's payment page reads."""
        return f"order:{self.number}"

    @property
    def amount_display(self) -> str:
        """The amount in the active language's format."""
        return display(self.amount, self.currency)

    @property
    def declined_attempts(self) -> int:
        """The number of attempts that the provider reported as failed; takes a query."""
        return self.payments.filter(outcome=Payment.Outcome.FAILED).count()

    @property
    def is_overdue(self) -> bool:
        """Whether the order is pending though its payment window is over."""
        return self.status == Status.PENDING and self.expires_at <= timezone.now()


class Payment(models.Model):
    """One attempt to pay an order, as a provider reported it: money taken, or declined. A resend adds no row."""

    class Outcome(models.TextChoices):
        SUCCEEDED = "succeeded", _("succeeded")
        FAILED = "failed", _("failed")

    order = models.ForeignKey(Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="payments")
    provider = models.CharField(_("provider"), max_length=50, default="standard")
    report_id = models.CharField(_("report id"), max_length=200)
    # SHA-256 in hexadecimal; empty for payments of releases that kept none.
    body_digest = models.CharField(_("digest of the body"), max_length=64, blank=True)
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome.choices)
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=2)
    currency = models.CharField(_("currency"), max_length=3)
    applied = models.BooleanField(_("applied"), default=False, help_text=_("Whether it paid the order."))
    refund_due = models.BooleanField(
        _("refund due"), default=False, help_text=_("The money came too late, or twice, and must be given back.")
    )
    refunded_at = models.DateTimeField(_("refunded"), null=True, blank=True)
    received_at = models.DateTimeField(_("received"), auto_now_add=True)

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        ordering = ("-received_at", "-pk")
        indexes = (models.Index(fields=("received_at",), name="payment_refund_due", condition=Q(refund_due=True)),)
        constraints = (
            # Each provider has its own ids.
            models.UniqueConstraint(fields=("report_id", "provider"), name="payment_one_report"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="payment_amount_positive"),
            models.CheckConstraint(condition=~Q(applied=True, outcome="failed"), name="payment_applied_is_money"),
            models.CheckConstraint(
                condition=~Q(refund_due=True, applied=True) & ~Q(refund_due=True, outcome="failed"),
                name="payment_refund_of_money_taken",
            ),
            models.UniqueConstraint(
                fields=("order",), condition=Q(outcome="succeeded", applied=True), name="payment_one_success"
            ),
        )

    def __str__(self) -> str:
        return self.report_id

    @property
    def amount_display(self) -> str:
        """The amount in the active language's format."""
        return display(self.amount, self.currency)


class Callback(models.Model):
    """One callback as it arrived, with its outcome; resends and refused ones are rows too."""

    REFUSED = "refused"

    provider = models.CharField(_("provider"), max_length=50)
    source = models.CharField(_("source address"), max_length=100)
    headers = models.JSONField(_("headers"), default=dict)
    body = models.TextField(_("body as received"))
    report_id = models.CharField(_("report id"), max_length=200, blank=True, db_index=True)
    order = models.ForeignKey(
        Order, verbose_name=_("order"), on_delete=models.SET_NULL, null=True, blank=True, related_name="callbacks"
    )
    outcome = models.CharField(_("outcome"), max_length=20)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    status = models.PositiveSmallIntegerField(_("answered"))
    received_at = models.DateTimeField(_("received"), auto_now_add=True, db_index=True)

    class Meta:
        verbose_name = _("callback")
        verbose_name_plural = _("callbacks")
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.report_id or self.pk}: {self.outcome}"
