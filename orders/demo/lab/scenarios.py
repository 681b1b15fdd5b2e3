"""The scenarios: documented behaviour of payment providers, as steps to replay.

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
# Long enough for all scenarios but those in which the window ends.
WINDOW_SECONDS = 900
SHORT_WINDOW_SECONDS = 1.0
# Two callbacks must be answered within it while all other scenarios run.
DECLINING_WINDOW_SECONDS = 10.0


@dataclass(slots=True)
class Run:
    """One running scenario: the callbacks sent, the replies, and how to send and wait."""

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
        """Sends one callback for a report; `fields` are those of Message."""
        reply = post(Message(self.order, id=report, happened_at=self.began_at, **fields), self.site)
        self.sent.append(label)
        self.replies.append(reply)
        self.tick()
        return reply

    def pause(self, seconds: float) -> None:
        """Waits for the provider's pause, compressed by the speed."""
        time.sleep(seconds / self.speed)

    def wait_for_the_window(self) -> None:
        time.sleep(max(0.0, (self.order.expires_at - timezone.now()).total_seconds()) + 0.3)


@dataclass(frozen=True, slots=True)
class Scenario:
    """The steps of a provider, and the expected result.

    answers: the expected HTTP statuses in order, 0 for no response; None if they are not checked. sends: the number of
    callbacks, for the progress bar. outcome: the expected outcome in `finish`. refund: whether buyer and seller must be
    notified of a refund. declines: the number of declined attempts that the payment page must receive before the
    outcome. window: seconds. page_first: whether the payment page is open before the first callback. own_server:
    whether the scenario needs a server that it may kill.
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
    """Stripe delivers events more than once and out of order."""
    paid, failed_before = new_id(), new_id()
    run.send(paid)
    run.send(paid, "paid again")
    run.send(failed_before, "earlier failure", succeeded=False)
    run.pause(HOUR)
    run.send(paid, "paid again")


def alipay(run: Run) -> None:
    """Alipay resends with the same notify id; here every response is lost, so it sends up to the last time."""
    notify_id = new_id()
    run.send(notify_id)
    for pause in ALIPAY:
        run.pause(pause)
        run.send(notify_id, "resend")


def wechat_pay(run: Run) -> None:
    """WeChat Pay resends, and probes with bad signatures, which must be refused."""
    report = new_id()
    run.send(new_id(), "bad signature", bad_signature=True)
    run.send(report)
    for place, pause in enumerate(WECHAT_PAY):
        run.pause(pause)
        probe = place % 5 == 0
        run.send(report, "bad signature" if probe else "resend", bad_signature=probe)


def late(run: Run) -> None:
    """A success is reported after the payment window: the money is taken, but the order has expired."""
    run.wait_for_the_window()
    report = new_id()
    run.send(report, "paid, late")
    run.send(report, "resend")


def wrong_amount(run: Run) -> None:
    """Another amount and another currency are reported first."""
    run.send(new_id(), "1 cent", amount="0.01")
    run.send(new_id(), "other currency", currency="JPY")
    run.send(new_id())


def stale(run: Run) -> None:
    """Callbacks with an old timestamp and with one in the future come first."""
    report, now = new_id(), timezone.now()
    run.send(report, "6 minutes old", sent_at=now - timedelta(minutes=6))
    run.send(report, "6 minutes ahead", sent_at=now + timedelta(minutes=6))
    run.send(report)


def before_the_page(run: Run) -> None:
    """The report comes before the buyer has opened the payment page."""
    run.send(new_id())
    run.watch()


def at_once(run: Run) -> None:
    """The same report is sent twenty times at the same moment."""
    report = new_id()
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda _place: run.send(report, "at once"), range(20)))


def twice(run: Run) -> None:
    """The money is taken twice, with two reports."""
    run.send(new_id())
    run.send(new_id(), "paid a second time")


def declined_then_paid(run: Run) -> None:
    """Three attempts fail, one of them is reported twice, and another attempt succeeds.

    https://github.com/woocommerce/woocommerce-gateway-stripe/issues/902
    """
    for _attempt in range(3):
        failed = new_id()
        run.send(failed, "failed", succeeded=False)
        run.pause(MINUTE)
    run.send(failed, "failed again", succeeded=False)
    run.send(new_id())


def failure_behind_success(run: Run) -> None:
    """The failure of the first attempt is reported after the success of the second.

    https://github.com/woocommerce/woocommerce-gateway-stripe/issues/2660
    """
    run.send(new_id())
    run.pause(HOUR)
    run.send(new_id(), "failed, late", succeeded=False)


def declined_and_expired(run: Run) -> None:
    """Two failures are reported within the window, and one after it."""
    run.send(new_id(), "failed", succeeded=False)
    run.send(new_id(), "failed", succeeded=False)
    run.wait_for_the_window()
    run.send(new_id(), "failed, late", succeeded=False)


def used_id(run: Run) -> None:
    """A success has the id of an earlier failure, so it must be refused; then it is reported with its own id."""
    report = new_id()
    run.send(report, "failed", succeeded=False)
    run.send(report, "paid, same id")
    run.send(new_id())


def restart(run: Run) -> None:
    """The report is sent while the server is down, and again until there is a response."""
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
