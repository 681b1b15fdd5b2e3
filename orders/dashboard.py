"""The figures of a seller's dashboard: today's orders, takings, and a bar chart of the orders by hour."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from django.db.models import Count, Q, Sum
from django.db.models.functions import ExtractHour
from django.utils import timezone

from orders.models import Order, Status
from orders.money import display

# The chart's drawing area, in units of its viewBox; the page stretches it to its width.
WIDTH, HEIGHT, GAP = 24 * 24, 120, 4
# A payment window lasts a day at most (settings), so an order that ended today was placed yesterday or today.
LONGEST_WAIT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour of the chart with its geometry: a bar for all orders, and in it the part that is paid."""

    hour: int
    placed: int
    paid: int
    x: int
    width: int
    top: float
    height: float
    part_top: float
    part_height: float


@dataclass(frozen=True, slots=True)
class Day:
    """A seller's figures for one day."""

    placed: int
    paid: int
    expired: int
    takings: list[str]
    bars: list[Bar]

    @property
    def busiest(self) -> Bar:
        """The hour with the most orders; the first, if there are several."""
        return max(self.bars, key=lambda bar: bar.placed)


def day_of(seller: Any, now: datetime | None = None) -> Day:
    """Returns the seller's figures since midnight in the active time zone; takes three queries."""
    local = timezone.localtime(now)
    start = datetime.combine(local.date(), time(), tzinfo=local.tzinfo)
    orders = Order.objects.of_seller(seller).filter(placed_at__gte=start - LONGEST_WAIT)
    counts = orders.aggregate(
        placed=Count("pk", filter=Q(placed_at__gte=start)),
        paid=Count("pk", filter=Q(status=Status.PAID, paid_at__gte=start)),
        expired=Count("pk", filter=Q(status=Status.EXPIRED, expires_at__gte=start)),
    )
    paid = orders.filter(status=Status.PAID, paid_at__gte=start)
    takings = paid.values("currency").order_by("currency").annotate(total=Sum("amount"))
    hours = (
        orders.filter(placed_at__gte=start)
        .annotate(hour=ExtractHour("placed_at", tzinfo=local.tzinfo))
        .values("hour")
        .order_by("hour")
        .annotate(placed=Count("pk"), paid=Count("pk", filter=Q(status=Status.PAID)))
    )
    return Day(
        **counts,
        takings=[display(row["total"], row["currency"]) for row in takings],
        bars=bars({row["hour"]: (row["placed"], row["paid"]) for row in hours}),
    )


def bars(by_hour: dict[int, tuple[int, int]]) -> list[Bar]:
    """Lays out the 24 hours from {hour: (placed, paid)}; the highest bar fills the height."""
    most = max((placed for placed, _paid in by_hour.values()), default=0) or 1
    step = WIDTH // 24
    found = []
    for hour in range(24):
        placed, paid = by_hour.get(hour, (0, 0))
        height, part = round(HEIGHT * placed / most, 1), round(HEIGHT * paid / most, 1)
        found.append(
            Bar(
                hour,
                placed,
                paid,
                x=hour * step + GAP // 2,
                width=step - GAP,
                top=HEIGHT - height,
                height=height,
                part_top=HEIGHT - part,
                part_height=part,
            )
        )
    return found
