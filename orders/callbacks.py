"""Takes a callback from the wire to its answer: limits, the provider's word, the state machine, and the record of it all."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import DatabaseError, OperationalError, transaction
from django.utils.text import Truncator

from orders import payments
from orders.limits import Limit
from orders.metrics import CALLBACKS
from orders.models import Callback
from orders.payments import Result
from orders.providers import Provider, Rejected, Report

logger = logging.getLogger(__name__)

# A larger body is refused; real ones are a few hundred bytes.
LARGEST_BODY = 64 * 1024
# What is kept of a body that was refused.
KEPT_OF_REFUSED = 4096
# Headers kept with a callback: enough to verify it again, and to see what was wrong with it.
KEPT_HEADERS = ("content-type", "user-agent", "webhook-id", "webhook-timestamp", "webhook-signature")
LONGEST_HEADER = 500
# What a provider reads whose callback could not be stored.
AGAIN = "not now: send it again later"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider is answered."""

    status: int
    content_type: str
    body: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A callback as it came: to which provider's address, with which headers and body, from which network address."""

    provider: Provider
    headers: Mapping[str, str]
    body: bytes
    source: str


@dataclass(slots=True)
class Reading:
    """An arrival on its way to its answer."""

    arrival: Arrival
    record: Callback
    report: Report | None = None
    answer: Answer | None = None

    def refuse(self, rejected: Rejected) -> None:
        """Answers that it will never succeed."""
        self.answer = refuse(self.record, rejected)


def receive(arrival: Arrival) -> Answer:
    """Takes one callback; see receive_all()."""
    return receive_all([arrival])[0]


def receive_all(arrivals: Sequence[Arrival]) -> list[Answer]:
    """Takes callbacks, in one transaction, and answers each.

    2xx: committed, do not send it again. 4xx: it will never succeed as it is. 5xx: send it again. Every callback is
    stored with what became of it; a source whose callbacks were refused too often within a minute is answered 429 and
    not stored.
    """
    readings = [read(arrival) for arrival in arrivals]
    if sound := [reading for reading in readings if reading.answer is None]:
        commit(sound)
    answers = [reading.answer for reading in readings]
    return [answer for answer in answers if answer is not None]


def read(arrival: Arrival) -> Reading:
    """Verifies and parses a callback; one that is refused has its answer then."""
    provider, body = arrival.provider, arrival.body
    record = Callback(provider=provider.name, source=arrival.source, status=200)
    reading = Reading(arrival, record)
    if limit().is_reached(arrival.source):
        CALLBACKS.labels(provider.name, "limited").inc()
        reading.answer = refusal(429, "too many refused callbacks from this address: wait a minute")
        return reading
    record.headers, record.body = kept(arrival.headers), readable(body)
    try:
        check_size(body)
        record.report_id = provider.verify(arrival.headers, body)
        reading.report = provider.parse(record.report_id, body)
    except Rejected as rejected:
        reading.refuse(rejected)
    return reading


def commit(readings: Sequence[Reading]) -> None:
    """Applies what the providers report, stores it, and answers; all of it or, where the database fails, nothing."""
    try:
        results = apply(readings)
    except DatabaseError as error:
        if len(readings) > 1 and not isinstance(error, OperationalError):
            # It may be the fault of one: the others need not suffer for it.
            for reading in readings:
                commit([reading])
            return
        logger.exception("callbacks could not be stored; the providers are asked to send them again")
        for reading in readings:
            CALLBACKS.labels(reading.record.provider, "failed").inc()
            reading.answer = refusal(503, AGAIN)
        return
    for reading, result in zip(readings, results, strict=True):
        if isinstance(result, Rejected):
            reading.refuse(result)
        else:
            CALLBACKS.labels(reading.record.provider, result.word).inc()
            logger.info("callback %s for order %s: %s", reading.record.report_id, result.order, result.word)
            reading.answer = Answer(200, *reading.arrival.provider.answer())


def apply(readings: Sequence[Reading]) -> list[Result | Rejected]:
    """Applies and stores in one transaction; returns what became of each."""
    with transaction.atomic():
        results = payments.apply_all([reading.report for reading in readings if reading.report is not None])
        accepted = []
        for reading, result in zip(readings, results, strict=True):
            if isinstance(result, Result):
                reading.record.outcome, reading.record.order = result.word, result.order
                accepted.append(reading.record)
        Callback.objects.bulk_create(accepted)
    return results


def check_size(body: bytes) -> None:
    """Raises Rejected for a body that is too large."""
    if len(body) > LARGEST_BODY:
        raise Rejected(f"the body is larger than {LARGEST_BODY} bytes", 413)


def refuse(record: Callback, rejected: Rejected) -> Answer:
    """Stores a refused callback and counts it against its source."""
    CALLBACKS.labels(record.provider, Callback.REFUSED).inc()
    logger.warning("callback from %s refused: %s", record.source, rejected)
    record.outcome, record.reason, record.status = Callback.REFUSED, str(rejected), rejected.status
    record.body = record.body[:KEPT_OF_REFUSED]
    try:
        record.save()
    except DatabaseError:
        # It is refused all the same; sent again, it may be recorded then.
        logger.exception("a refused callback could not be stored")
    limit().count(record.source)
    return refusal(rejected.status, str(rejected))


def refusal(status: int, reason: str) -> Answer:
    """An answer that says in JSON why."""
    return Answer(status, "application/json", json.dumps({"error": reason}), error=reason)


def limit() -> Limit:
    """Refusals of one source within a minute; only these count, so a provider with the right secret is never held up."""
    return Limit("payments.refused", most=settings.PAYMENT_REFUSALS_PER_MINUTE, seconds=60)


def kept(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers to store, each cut to a sensible length."""
    found = {name: headers.get(name, "") for name in KEPT_HEADERS}
    return {name: Truncator(value).chars(LONGEST_HEADER) for name, value in found.items() if value}


def readable(body: bytes) -> str:
    """The body as text that every database takes: what is not UTF-8, or NUL, is marked."""
    return body.decode(errors="backslashreplace").replace("\0", "\\x00")
