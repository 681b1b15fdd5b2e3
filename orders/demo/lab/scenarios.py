"""What payment providers are documented to do to a shop, as steps to replay.

Time is compressed: a provider's pause of an hour takes 3.6 s at a speed of 1000.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from orders.demo.lab.site import Server
from orders.demo.simulator import Message, Reply, new_id, post
from orders.models import Order

MINUTE, HOUR = 60.0, 3600.0
# Pauses before each resend.
# https://opendocs.alipay.com/open/203/105286 and https://pay.weixin.qq.com/doc/v3/merchant/4012791882
ALIPAY = (4 * MINUTE, 10 * MINUTE, 10 * MINUTE, HOUR, 2 * HOUR, 6 * HOUR, 15 * HOUR)
WECHAT_PAY = (
    *(15.0, 15.0, 30.0, 3 * MINUTE, 10 * MINUTE, 20 * MINUTE),
    *(30 * MINUTE,) * 3,
    HOUR,
    *(3 * HOUR,) * 3,
    *(6 * HOUR,) * 2,
)
# Long enough for any scenario; the one about lateness has its own.
WINDOW_SECONDS = 900
SHORT_WINDOW_SECONDS = 1.0
# Two callbacks have to be answered within it, beside all other scenarios.
DECLINING_WINDOW_SECONDS = 10.0


@dataclass(slots=True)
class Run:
    """One scenario under way: what was sent and answered, and the tools to send and wait."""

    order: Order
    site: str
    speed: float
    server: Server | None
    watch: Callable[[], None]
    tick: Callable[[], object]
    sent: list[str] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    began_at: datetime = field(default_factory=timezone.now)

    def send(self, report: str, label: str = "paid", **fields: Any) -> Reply:
        """Sends one callback for a report; its further fields are those of Message."""
        reply = post(Message(self.order, id=report, happened_at=self.began_at, **fields), self.site)
        self.sent.append(label)
        self.replies.append(reply)
        self.tick()
        return reply

    def pause(self, seconds: float) -> None:
        """Waits as long as the provider does, compressed."""
        time.sleep(seconds / self.speed)

    def wait_for_the_window(self) -> None:
        """Waits until the order's window is over."""
        time.sleep(max(0.0, (self.order.expires_at - timezone.now()).total_seconds()) + 0.3)


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a provider does, and what must come of it.

    declines: how many failed attempts the buyer sees, in order, before the outcome. answers: the statuses in order; 0 stands for "no answer", and None for the whole leaves them open. outcome: what
    `finish` says. paid: whether the seller hears "paid", once. refund: whether both hear of a refund.
    """

    name: str
    steps: Callable[[Run], None]
    answers: tuple[int, ...] | None
    sends: int
    outcome: str = "paid"
    refund: bool = False
    declines: int = 0
    window: float = WINDOW_SECONDS
    page_first: bool = True
    own_server: bool = False


def stripe(run: Run) -> None:
    """Delivers events more than once, and not in the order in which they happened."""
    paid, failed_before = new_id(), new_id()
    run.send(paid)
    run.send(paid, "paid again")
    run.send(failed_before, "earlier failure", succeeded=False)
    run.pause(HOUR)
    run.send(paid, "paid again")


def alipay(run: Run) -> None:
    """Resends with the same notify id; every answer is lost on the way, so it goes on to the last."""
    notify_id = new_id()
    run.send(notify_id)
    for pause in ALIPAY:
        run.pause(pause)
        run.send(notify_id, "resend")


def wechat_pay(run: Run) -> None:
    """Resends, and probes with bad signatures, which must be refused."""
    report = new_id()
    run.send(new_id(), "bad signature", bad_signature=True)
    run.send(report)
    for place, pause in enumerate(WECHAT_PAY):
        run.pause(pause)
        probe = place % 5 == 0
        run.send(report, "bad signature" if probe else "resend", bad_signature=probe)


def late(run: Run) -> None:
    """Reports a success after the window: the money is there, the order is not."""
    run.wait_for_the_window()
    report = new_id()
    run.send(report, "paid, late")
    run.send(report, "resend")


def wrong_amount(run: Run) -> None:
    """Reports another amount or currency first."""
    run.send(new_id(), "1 cent", amount="0.01")
    run.send(new_id(), "other currency", currency="JPY")
    run.send(new_id())


def stale(run: Run) -> None:
    """Sends with an old timestamp and one from the future first."""
    report, now = new_id(), timezone.now()
    run.send(report, "6 minutes old", sent_at=now - timedelta(minutes=6))
    run.send(report, "6 minutes ahead", sent_at=now + timedelta(minutes=6))
    run.send(report)


def before_the_page(run: Run) -> None:
    """Reports before the buyer has opened the page."""
    run.send(new_id())
    run.watch()


def at_once(run: Run) -> None:
    """Sends the same report twenty times at the same moment."""
    report = new_id()
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda _place: run.send(report, "at once"), range(20)))


def twice(run: Run) -> None:
    """Takes the money twice, under two reports."""
    run.send(new_id())
    run.send(new_id(), "paid a second time")


def declined_then_paid(run: Run) -> None:
    """Reports three failures, one of them twice, and then the success of another attempt.

    https://github.com/woocommerce/woocommerce-gateway-stripe/issues/902
    """
    for _attempt in range(3):
        failed = new_id()
        run.send(failed, "failed", succeeded=False)
        run.pause(MINUTE)
    run.send(failed, "failed again", succeeded=False)
    run.send(new_id())


def failure_behind_success(run: Run) -> None:
    """Reports the failure of the first attempt after the success of the second.

    https://github.com/woocommerce/woocommerce-gateway-stripe/issues/2660
    """
    run.send(new_id())
    run.pause(HOUR)
    run.send(new_id(), "failed, late", succeeded=False)


def declined_and_expired(run: Run) -> None:
    """Reports two failures within the window, and one after it."""
    run.send(new_id(), "failed", succeeded=False)
    run.send(new_id(), "failed", succeeded=False)
    run.wait_for_the_window()
    run.send(new_id(), "failed, late", succeeded=False)


def used_id(run: Run) -> None:
    """Reports a success under the id of an earlier failure, which must not be taken for a resend; then rightly."""
    report = new_id()
    run.send(report, "failed", succeeded=False)
    run.send(report, "paid, same id")
    run.send(new_id())


def restart(run: Run) -> None:
    """Reports while the server is down, and resends until it is answered."""
    assert run.server is not None
    report = new_id()
    run.server.kill()
    run.send(report, "paid, server down")
    run.server.start()
    for _attempt in range(10):
        if run.send(report, "resend").status:
            break
        time.sleep(0.5)
    run.server.restart()
    run.send(report, "resend after another restart")


SCENARIOS = (
    Scenario("Stripe: duplicates, out of order", stripe, (200,) * 4, 4),
    Scenario("Alipay: every answer lost", alipay, (200,) * 8, 8),
    Scenario(
        "WeChat Pay: resends, bad signatures",
        wechat_pay,
        (401, 200, *(401 if place % 5 == 0 else 200 for place in range(len(WECHAT_PAY)))),
        2 + len(WECHAT_PAY),
    ),
    Scenario("late: after the window", late, (200, 200), 2, "expired", refund=True, window=SHORT_WINDOW_SECONDS),
    Scenario("wrong amount, wrong currency", wrong_amount, (409, 409, 200), 3),
    Scenario("stale and future timestamps", stale, (401, 401, 200), 3),
    Scenario("before the page is open", before_the_page, (200,), 1, page_first=False),
    Scenario("twenty at the same moment", at_once, (200,) * 20, 20),
    Scenario("money taken twice", twice, (200, 200), 2, refund=True),
    Scenario("failed three times, then paid", declined_then_paid, (200,) * 5, 5, declines=3),
    Scenario("paid, then a failure late", failure_behind_success, (200, 200), 2),
    Scenario(
        "failed twice, then expired",
        declined_and_expired,
        (200,) * 3,
        3,
        "expired",
        declines=2,
        window=DECLINING_WINDOW_SECONDS,
    ),
    Scenario("an id with another body", used_id, (200, 409, 200), 3, declines=1),
    Scenario("while the server restarts", restart, None, 3, own_server=True),
)
