"""Any order of callbacks, resends, expiries and looks: money taken once is told once, and never lost."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TransactionTestCase
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from notifications import log
from orders import payments
from orders.models import Order, Payment, Status
from orders.payments.providers import Report
from tests.support.people import order, person, product


class PaymentMachine(RuleBasedStateMachine):
    """One order, a provider that reports what it likes as often as it likes, and clocks that run out."""

    reports = Bundle("reports")

    def __init__(self) -> None:
        super().__init__()
        self.taken: set[str] = set()
        self.declined: list[int] = []
        self.reported = 0

    @initialize()
    def place(self) -> None:
        suffix = timezone.now().timestamp()
        self.order = order(person(f"bob{suffix}"), product(person(f"alice{suffix}")))
        self.began_at = log.head()

    @rule(target=reports, succeeded=st.booleans())
    def attempt(self, succeeded: bool) -> Report:
        self.reported += 1
        name = f"{self.order.number}-{self.reported}"
        return Report(name, self.order.number, succeeded, self.order.amount, self.order.currency)

    @rule(report=reports)
    def deliver(self, report: Report) -> None:
        known = Payment.objects.filter(report_id=report.id).exists()
        [result] = payments.apply_all([report])
        self.judge(report, result, known=known)

    @rule(several=st.lists(reports, min_size=2, max_size=5))
    def deliver_together(self, several: list[Report]) -> None:
        known = set(Payment.objects.values_list("report_id", flat=True))
        for report, result in zip(several, payments.apply_all(several), strict=True):
            self.judge(report, result, known=report.id in known)
            known.add(report.id)

    def judge(self, report: Report, result: payments.Result | payments.Rejected, *, known: bool) -> None:
        """Compares what became of a report with what must; takes note of it."""
        assert isinstance(result, payments.Result)
        assert (result.effect == payments.Effect.DUPLICATE) == known
        assert result.effect != payments.Effect.DECLINED or not report.succeeded
        if report.succeeded:
            self.taken.add(report.id)
        if result.effect == payments.Effect.DECLINED:
            self.declined.append(len(self.declined) + 1)

    @rule(target=reports, report=consumes(reports))
    def deliver_to_a_server_that_dies_before_its_commit(self, report: Report):
        with transaction.atomic():
            payments.apply_all([report])
            transaction.set_rollback(True)
        # The provider has no answer, and keeps it for a resend.
        return multiple(report)

    @rule()
    def look(self) -> None:
        payments.expire(self.current())

    @rule()
    def cancel(self) -> None:
        before = self.current().status
        assert payments.cancel(self.current()) == (before == Status.PENDING)

    @rule()
    def refund(self) -> None:
        before = self.current().status
        assert payments.refund(self.current()) == (before == Status.PAID)

    @rule()
    def refund_late_money(self) -> None:
        for payment in Payment.objects.filter(order=self.order, refund_due=True).select_related("order__product"):
            assert payments.refund_payment(payment)
            assert not payments.refund_payment(payment)

    @rule()
    def cron(self) -> None:
        payments.expire_overdue()

    @rule()
    def the_window_ends(self) -> None:
        Order.objects.filter(number=self.order.number).update(expires_at=timezone.now() - timedelta(seconds=1))

    def current(self) -> Order:
        return Order.objects.select_related("product", "buyer").get(number=self.order.number)

    def told(self, channel: str) -> list[str]:
        return [event.kind for event in log.read(self.began_at - 1, channels=[channel])]

    @invariant()
    def money_taken_once_is_told_once_and_never_lost(self) -> None:
        if not hasattr(self, "order"):
            return
        current = Order.objects.get(number=self.order.number)
        kept = Payment.objects.filter(order=current, outcome="succeeded")
        assert {payment.report_id for payment in kept} == self.taken
        used = [payment for payment in kept if payment.applied]
        was_paid = current.status in (Status.PAID, Status.REFUNDED)
        assert len(used) == was_paid
        assert all(bool(payment.refunded_at) == (current.status == Status.REFUNDED) for payment in used)
        late = [payment for payment in kept if not payment.applied]
        assert all(payment.refund_due != bool(payment.refunded_at) for payment in late)
        seller = self.told(f"seller:{current.product.seller.pk}")
        assert seller.count("order.paid") == was_paid
        assert seller.count("order.cancelled") == (current.status == Status.CANCELLED)
        given_back = sum(payment.refunded_at is not None for payment in kept)
        assert seller.count("order.refunded") == given_back
        assert seller.count("order.expired") == (current.status == Status.EXPIRED)
        assert seller.count("order.refund_due") == len(kept) - len(used)
        page = self.told(current.channel)
        ended = {
            Status.PAID: ["payment.succeeded", "finish"],
            Status.EXPIRED: ["payment.expired", "finish"],
            Status.CANCELLED: ["payment.cancelled", "finish"],
            Status.REFUNDED: ["payment.succeeded", "finish"],
            Status.PENDING: [],
        }
        assert page == ["payment.declined"] * len(self.declined) + ended[Status(current.status)]
        attempts = [
            event.data["attempt"]
            for event in log.read(self.began_at - 1, channels=[current.channel])
            if event.kind == "payment.declined"
        ]
        assert attempts == self.declined


class PaymentMachineTest(TransactionTestCase):
    """Runs the machine on a real database."""

    def test_money_taken_once_is_told_once_and_never_lost(self) -> None:
        limits = settings(
            max_examples=40, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        )
        run_state_machine_as_test(PaymentMachine, settings=limits)
