"""Runs the lab's scenarios side by side, each with its own order, and checks what buyer and seller received."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connections
from django.utils import timezone

from orders.demo.lab.scenarios import SCENARIOS, Run, Scenario
from orders.demo.lab.site import Server, Watcher, session_of
from orders.models import Order, Product

# Seconds in which buyer and seller must receive the expected events.
SEEN_WITHIN = 20.0
# Seconds to wait for events that must not come.
SETTLED_AFTER = 0.5


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one scenario; `problems` is empty after a success."""

    scenario: str
    order: int
    sent: str
    answered: str
    buyer: str
    seller: str
    problems: tuple[str, ...]


def run_all(site: str | None, speed: float, tick: Callable[[], object]) -> Iterator[Finding]:
    """Runs all scenarios side by side and yields their findings in order; calls `tick` after each callback.

    site: the URL of a running site, or None to start one. Raises LookupError if the demo's users are missing.
    """
    buyer = get_user_model().objects.filter(username="buyer").first()
    product = Product.objects.select_related("seller").filter(seller__username="seller").first()
    if buyer is None or product is None:
        raise LookupError("the lab needs the demo's buyer and seller; `manage.py seed_demo` makes them")
    with ExitStack() as stack:
        site = site or stack.enter_context(Server()).url
        with ThreadPoolExecutor(len(SCENARIOS)) as pool:
            bench = Bench(buyer, product, site, speed, tick)
            yield from pool.map(bench.run, SCENARIOS)


@dataclass(frozen=True, slots=True)
class Bench:
    """What the scenarios share: buyer, product, site, speed, and the progress bar's `tick`."""

    buyer: Any
    product: Product
    site: str
    speed: float
    tick: Callable[[], object]

    def run(self, scenario: Scenario) -> Finding:
        """Runs one scenario; buyer and seller read real streams, and reconnect as browsers do."""
        try:
            with ExitStack() as stack:
                server = stack.enter_context(Server()) if scenario.own_server else None
                site = server.url if server else self.site
                seller_stream = stack.enter_context(Watcher(site, "/events/", session_of(self.product.seller)))
                expires_at = timezone.now() + timedelta(seconds=scenario.window)
                order = Order.objects.create(buyer=self.buyer, product=self.product, expires_at=expires_at)
                page = Watcher(site, f"/orders/{order.number}/events/", session_of(self.buyer))

                def watch() -> None:
                    stack.enter_context(page)

                run = Run(order, site, self.speed, server, watch, self.tick)
                if scenario.page_first:
                    watch()
                scenario.steps(run)
                told = expected_of_seller(scenario)
                page.wait(lambda kinds: "finish" in kinds, SEEN_WITHIN)
                seller_stream.wait(lambda _kinds: seller_stream.kinds_of(order.number) >= told, SEEN_WITHIN)
                time.sleep(SETTLED_AFTER)
                return judge(scenario, run, page, seller_stream.kinds_of(order.number))
        finally:
            connections.close_all()


def expected_of_seller(scenario: Scenario) -> list[str]:
    """Returns the kinds that the seller must receive, in order."""
    ended = {"paid": ["order.paid"], "expired": ["order.expired"]}[scenario.outcome]
    return ["order.placed", *ended, *(["order.refund_due"] if scenario.refund else [])]


def judge(scenario: Scenario, run: Run, page: Watcher, seller: list[str]) -> Finding:
    """Compares responses and received events with the scenario's expectations."""
    kind = {"paid": "payment.succeeded", "expired": "payment.expired"}[scenario.outcome]
    expected = ["payment.declined"] * scenario.declines + [kind, "finish"]
    answers = tuple(reply.status for reply in run.replies)
    problems = []
    if scenario.answers is not None and answers != scenario.answers:
        problems.append(f"answers were {answers}, not {scenario.answers}")
    if any(reply.status == 200 and reply.text != "success" for reply in run.replies):
        problems.append("a 200 did not say success")
    if scenario.answers is None and 200 not in answers:
        problems.append("the report was never accepted")
    if page.kinds != expected:
        problems.append(f"the buyer saw {page.kinds}, not {expected}")
    if seller != expected_of_seller(scenario):
        problems.append(f"the seller saw {seller}, not {expected_of_seller(scenario)}")
    if page.outcome != scenario.outcome:
        problems.append(f"finish said {page.outcome!r}, not {scenario.outcome!r}")
    return Finding(
        scenario.name,
        run.order.number,
        summed(run.sent),
        summed([str(status or "no answer") for status in answers]),
        summed(page.kinds),
        summed(seller),
        tuple(problems),
    )


def summed(words: list[str]) -> str:
    """Joins words, with a count for repeated ones: "200 ×8"."""
    counts = {word: words.count(word) for word in words}
    return ", ".join(f"{word} ×{count}" if count > 1 else word for word, count in counts.items())
