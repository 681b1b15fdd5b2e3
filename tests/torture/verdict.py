"""What a torture run found."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.torture.plan import Plan
from tests.torture.polling import Polls
from tests.torture.readers import Fleet, Reader


@dataclass
class Verdict:
    """What was found; `problems` is empty where nothing was lost, repeated, disordered or made up."""

    plan: Plan
    seconds: float = 0.0
    deliveries: int = 0
    events: int = 0
    lost: int = 0
    twice: int = 0
    disordered: int = 0
    strange: int = 0
    retracted: int = 0
    poison: int = 0
    # Deliveries of events that were retracted later, and the retracted events that readers did not receive.
    taken_back: int = 0
    spared: int = 0
    # Retracted events that a reader has without their retraction.
    kept: int = 0
    orders: int = 0
    pages: int = 0
    polled: Counter[str] = field(default_factory=Counter)
    written: Counter[str] = field(default_factory=Counter)
    read: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    inboxes: int = 0
    longest_away: float = 0.0
    problems: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The figures, one a line."""
        counts = {"writers": self.written, "readers": self.read, "faults": self.faults, "pages": self.polled}
        return [
            f"seed {self.plan.seed}, {self.seconds:.0f} s, {self.plan.readers} readers, {self.plan.servers} servers",
            f"{self.deliveries} deliveries of {self.events} events",
            f"lost {self.lost}, twice {self.twice}, out of order {self.disordered}, not theirs {self.strange}",
            f"retracted {self.retracted}: {self.taken_back} deliveries before it, {self.spared} spared, {self.kept} kept by a reader",
            f"poison rows {self.poison}; orders paid once {self.orders}, payment pages with one finish {self.pages}",
            f"answers 5xx {self.polled['5xx']}",
            f"inboxes that events led from the old snapshot to the fresh one: {self.inboxes}",
            f"longest that a reader was without a stream: {self.longest_away:.1f} s",
            *(f"{who}: " + ", ".join(f"{count} {what}" for what, count in of.items()) for who, of in counts.items()),
            *self.problems,
        ]


def judge(verdict: Verdict, fleet: Fleet, truth: dict[str, Any], claims: list[dict[str, Any]]) -> None:
    """Compares what readers received, and what writers claim, with what the database holds."""
    verdict.deliveries, verdict.events = fleet.deliveries, truth["head"]
    if truth["positions"] != list(range(1, truth["head"] + 1)):
        verdict.problems.append("the log has a gap")
    tags = set(truth["tags"])
    for claim in claims:
        if missing := set(claim["committed"]) - tags:
            verdict.problems.append(f"{len(missing)} committed transactions are not in the log")
        if left := set(claim["undone"]) & tags:
            verdict.problems.append(f"{len(left)} rolled-back transactions left something in the log")
    verdict.retracted, verdict.poison = truth["retracted"], truth["poison"]
    judge_orders(verdict, truth["orders"], {int(n): of for claim in claims for n, of in claim["declined"].items()})
    for reader, found in zip(fleet.readers, truth["people"], strict=True):
        judge_reader(verdict, reader, found)
    if verdict.lost or verdict.twice or verdict.disordered or verdict.strange or verdict.kept:
        verdict.problems.append("readers did not receive what the log holds")
    if fleet.counts["reset"]:
        verdict.problems.append("a cursor of this log was answered with reset")
    for what in fleet.counts:
        if what.startswith("status "):
            verdict.problems.append(f"a reader was answered with {what}")


def judge_reader(verdict: Verdict, reader: Reader, found: dict[str, Any]) -> None:
    """Compares what one reader received, and its inbox, with what the database holds for it."""
    due, got = set(found["positions"]), set(reader.received)
    retracted, poison = set(found["retracted"]), set(found["poison"])
    verdict.lost += len(due - got)
    verdict.strange += len(got - due - retracted - poison)
    verdict.taken_back += len(got & retracted)
    verdict.spared += len(retracted - got)
    verdict.kept += len((got & retracted) - reader.retracted)
    if reader.retracted & due:
        verdict.problems.append(f"{reader.user} was sent the retraction of events that were not retracted")
    if reader.order is not None:
        verdict.pages += reader.finishes == 1
        if reader.finishes != 1:
            verdict.problems.append(f"the page of order {reader.order} received finish {reader.finishes} times")
    verdict.twice += len(reader.received) - len(got)
    verdict.disordered += sum(
        after < before for before, after in zip(reader.received, reader.received[1:], strict=False)
    )
    if reader.inbox is not None:
        fresh = {int(position): unread for position, unread in found["inbox"].items()}
        unread = min(sum(fresh.values()), 100)
        # A poisoned event may be in an inbox, by its label, that no stream could send.
        led = {item for item in reader.inbox.items.items() if item[0] not in poison}
        wanted = {item for item in fresh.items() if item[0] not in poison}
        if led == wanted and unread == found["unread"]:
            verdict.inboxes += 1
        else:
            wrong = dict(sorted(led ^ wanted)[:5])
            verdict.problems.append(f"the inbox of {reader.user} is not what events make of it, as at {wrong}")


def judge_orders(verdict: Verdict, orders: dict[str, Any], declined: dict[int, int]) -> None:
    """Compares how the orders ended with the attempts to pay them."""
    for number, attempts in declined.items():
        ended = {"status": "paid", "paid": 1, "page": ["payment.declined"] * attempts + ["payment.succeeded", "finish"]}
        if orders[str(number)] == ended:
            verdict.orders += 1
        else:
            verdict.problems.append(f"order {number} is {orders[str(number)]} after {attempts} declined attempts")


def judge_polls(verdict: Verdict, polls: Polls) -> None:
    """Takes over what pages were answered."""
    verdict.polled = polls.counts
    verdict.problems += polls.errors[:5]
