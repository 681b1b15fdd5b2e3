"""The verdict finds what it is there to find."""

import random
from array import array
from types import SimpleNamespace
from typing import Any

import pytest

from tests.torture.plan import Plan
from tests.torture.polling import Polls
from tests.torture.readers import Inbox, Reader, position_of
from tests.torture.verdict import Verdict, judge_orders, judge_polls, judge_reader

# What the log holds for a reader: 3 was retracted by 4, 5 is a poison row.
FOUND = {
    "positions": [1, 2, 4],
    "retracted": [3],
    "poison": [5],
    "inbox": {"1": True, "2": False, "5": True},
    "unread": 2,
}


def verdict_on(received: list[int], retracted: set[int], inbox: dict[int, bool], **fields: Any) -> Verdict:
    reader = Reader(7, "", None, Inbox(inbox), random.Random(0), began_at=0, received=array("q", received), **fields)
    reader.retracted = retracted
    verdict = Verdict(Plan(0, 1))
    judge_reader(verdict, reader, FOUND)
    return verdict


@pytest.mark.parametrize("received", [[1, 2, 3, 4], [1, 2, 3, 4, 5], [1, 2, 4], [1, 2, 4, 5]])
def test_retracted_and_poison_rows_may_be_missing(received):
    verdict = verdict_on(received, {3}, {1: True, 2: False})
    assert (verdict.lost, verdict.strange, verdict.kept, verdict.inboxes, verdict.problems) == (0, 0, 0, 1, [])
    assert (verdict.taken_back, verdict.spared) == ((1, 0) if 3 in received else (0, 1))


@pytest.mark.parametrize(
    ("received", "retracted", "what"),
    [
        ([1, 2, 3, 4], set(), "kept"),
        ([1, 4], {3}, "lost"),
        ([1, 2, 2, 4], {3}, "twice"),
        ([2, 1, 4], {3}, "disordered"),
        ([1, 2, 4, 6], {3}, "strange"),
    ],
)
def test_each_fault_is_counted(received, retracted, what):
    verdict = verdict_on(received, retracted, {1: True, 2: False})
    counted = {name: getattr(verdict, name) for name in ("lost", "twice", "disordered", "strange", "kept")}
    assert counted == {**dict.fromkeys(counted, 0), what: 1}


def test_a_retraction_of_what_was_not_retracted_and_a_wrong_inbox_are_problems():
    assert verdict_on([1, 2, 4], {2}, {1: True, 2: False}).problems
    assert verdict_on([1, 2, 3, 4], {3}, {1: True, 2: False, 3: True}).problems
    assert verdict_on([1, 2, 4], {3}, {1: True, 2: True}).problems


@pytest.mark.parametrize(("finishes", "pages"), [(0, 0), (1, 1), (2, 0)])
def test_a_payment_page_has_one_finish(finishes, pages):
    verdict = verdict_on([1, 2, 4], {3}, {1: True, 2: False}, order=1001, finishes=finishes)
    assert (verdict.pages, not verdict.problems) == (pages, bool(pages))


@pytest.mark.parametrize(
    ("status", "paid", "page", "right"),
    [
        ("paid", 1, ["payment.declined", "payment.succeeded", "finish"], True),
        ("paid", 1, ["payment.succeeded", "finish"], False),
        ("paid", 2, ["payment.declined", "payment.succeeded", "finish"], False),
        ("failed", 0, ["payment.declined"], False),
        ("paid", 1, ["payment.declined", "payment.succeeded", "finish", "finish"], False),
    ],
)
def test_an_order_is_paid_once_after_its_declined_attempts(status, paid, page, right):
    verdict = Verdict(Plan(0, 1))
    judge_orders(verdict, {"1001": {"status": status, "paid": paid, "page": page}}, {1001: 1})
    assert (verdict.orders, not verdict.problems) == (int(right), right)


@pytest.mark.parametrize(("is_calm", "problems"), [(True, 1), (False, 0)])
def test_an_answer_5xx_is_a_problem_unless_the_database_is_away(monkeypatch, is_calm, problems):
    connection = SimpleNamespace(
        request=lambda *a, **k: None,
        getresponse=lambda: SimpleNamespace(status=500, read=lambda: b""),
        close=lambda: None,
    )
    monkeypatch.setattr("http.client.HTTPConnection", lambda *a, **k: connection)
    polls = Polls([], [], Plan(0, 1), lambda since: is_calm)
    polls.ask(1, "/", "")
    verdict = Verdict(Plan(0, 1))
    judge_polls(verdict, polls)
    assert len(verdict.problems) == problems
    assert verdict.polled["5xx"] == problems


@pytest.mark.parametrize(("name", "position"), [("12", 12), ("0", 0), ("a3f-12", 12)])
def test_an_id_may_begin_with_an_epoch(name, position):
    assert position_of(name) == position
