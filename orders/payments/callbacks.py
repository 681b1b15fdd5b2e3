"""From a provider's callback to the response: signature, limit, settlement, and a record of each callback.

A callback is examined first, which makes it Verified or Refused. Verified ones are then applied and recorded in one
transaction; refused ones have their answer and are recorded by themselves. The answers: 2xx is committed, do not send
it again; 4xx will never succeed as it is; 5xx, send it again.
"""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from django.conf import settings
from django.db import DatabaseError, OperationalError, router, transaction
from django.utils.text import Truncator

from notifications import tracing
from orders.addresses import subject_of
from orders.limits import FailureLimit
from orders.models import Callback, Order
from orders.payments import settlement
from orders.payments.metrics import CALLBACKS
from orders.payments.providers import Provider, Rejected, Report
from orders.payments.settlement import Result

logger = logging.getLogger(__name__)

# A larger body is refused; real ones are a few hundred bytes.
LARGEST_BODY = 64 * 1024
# Characters kept of a body that did not verify; a signed body is kept whole.
KEPT_OF_UNSIGNED = 4096
# Headers kept with a callback; with them it can be verified again, or its fault found.
KEPT_HEADERS = ("content-type", "user-agent", "webhook-id", "webhook-timestamp", "webhook-signature")
LONGEST_HEADER = 500
# The answer to a callback that could not be stored.
AGAIN = "not now: send it again later"


@dataclass(frozen=True, slots=True)
class Answer:
    """The response to a provider."""

    status: int
    content_type: str
    body: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A callback as it arrived, not verified yet. source: the client's network address.

    trace: the request's id in the log, because one thread handles the callbacks of several requests.
    """

    provider: Provider
    headers: Mapping[str, str]
    body: bytes
    source: str
    trace: str = field(default_factory=tracing.trace)


@dataclass(frozen=True, slots=True)
class Verified:
    """A callback with a valid signature, and its report. report_id: the provider's id of the report."""

    arrival: Arrival
    report_id: str
    report: Report


@dataclass(frozen=True, slots=True)
class Refused:
    """A callback that was refused, with its answer."""

    answer: Answer


def receive(arrival: Arrival) -> Answer:
    """Handles one callback like receive_all()."""
    return receive_all([arrival])[0]


def receive_all(arrivals: Sequence[Arrival]) -> list[Answer]:
    """Handles callbacks, the verified ones in one transaction, and returns their answers in the same order.

    A verified callback is never limited. A source with too many refused callbacks within a minute gets 429 for each
    further one that does not verify, and these are not stored.
    """
    examined = [examine(arrival) for arrival in arrivals]
    settled = iter(settle_all([each for each in examined if isinstance(each, Verified)]))
    return [each.answer if isinstance(each, Refused) else next(settled) for each in examined]


def examine(arrival: Arrival) -> Verified | Refused:
    """Verifies and parses a callback; stores a refused one."""
    tracing.begin_trace(arrival.trace)
    provider, body = arrival.provider, arrival.body
    report_id = ""
    try:
        check_size(body)
        report_id = provider.verify(arrival.headers, body)
        report = provider.parse(report_id, body)
        signed = replace(report, provider=provider.name, digest=hashlib.sha256(body).hexdigest())
        return Verified(arrival, report_id, signed)
    except Rejected as rejected:
        if limit().is_reached(subject_of(arrival.source)):
            CALLBACKS.labels(provider.name, "limited").inc()
            return Refused(refusal(429, "too many refused callbacks from this address: wait a minute"))
        return Refused(refuse(arrival, report_id, rejected))


def settle_all(callbacks: Sequence[Verified]) -> list[Answer]:
    """Applies the reports, stores the callbacks and returns the answers; if the database fails, nothing is applied."""
    if not callbacks:
        return []
    try:
        results = store(callbacks)
    except DatabaseError as error:
        if len(callbacks) > 1 and not isinstance(error, OperationalError):
            # One callback may be the cause, so each is tried alone.
            return [answer for callback in callbacks for answer in settle_all([callback])]
        logger.exception("callbacks could not be stored; the providers are asked to send them again")
        for callback in callbacks:
            CALLBACKS.labels(callback.arrival.provider.name, "failed").inc()
        return [refusal(503, AGAIN)] * len(callbacks)
    return [answer_of(callback, result) for callback, result in zip(callbacks, results, strict=True)]


def store(callbacks: Sequence[Verified]) -> list[Result | Rejected]:
    """Applies the reports and stores the callbacks in one transaction; returns the result of each report."""
    with transaction.atomic(using=router.db_for_write(Order)):
        results = settlement.apply_all([callback.report for callback in callbacks])
        Callback.objects.bulk_create(
            record_of(callback.arrival, callback.report_id, outcome=result.effect, order=result.order)
            for callback, result in zip(callbacks, results, strict=True)
            if isinstance(result, Result)
        )
    return results


def answer_of(callback: Verified, result: Result | Rejected) -> Answer:
    """Returns the answer to a report whose result is committed; one that contradicts its order is refused."""
    tracing.begin_trace(callback.arrival.trace)
    provider = callback.arrival.provider
    if isinstance(result, Rejected):
        return refuse(callback.arrival, callback.report_id, result)
    CALLBACKS.labels(provider.name, result.effect).inc()
    logger.info("callback %s for order %s: %s", callback.report_id, result.order, result.effect)
    return Answer(200, *provider.answer())


def record_of(arrival: Arrival, report_id: str, **fields: object) -> Callback:
    """Returns the row of a callback, unsaved."""
    values: dict[str, object] = {
        "provider": arrival.provider.name,
        "source": arrival.source,
        "status": 200,
        "headers": kept(arrival.headers),
        "body": readable(arrival.body),
        "report_id": report_id,
        **fields,
    }
    return Callback(**values)


def check_size(body: bytes) -> None:
    """Raises Rejected for a body that is too large."""
    if len(body) > LARGEST_BODY:
        raise Rejected(f"the body is larger than {LARGEST_BODY} bytes", 413)


def refuse(arrival: Arrival, report_id: str, rejected: Rejected) -> Answer:
    """Stores a refused callback, counts it against its source, and returns its answer."""
    provider = arrival.provider.name
    CALLBACKS.labels(provider, Callback.REFUSED).inc()
    logger.log(rejected.level, "callback %s from %s refused: %s", report_id or "unsigned", arrival.source, rejected)
    record = record_of(arrival, report_id, outcome=Callback.REFUSED, reason=str(rejected), status=rejected.status)
    if not report_id:
        record.body = record.body[:KEPT_OF_UNSIGNED]
    try:
        record.save()
    except DatabaseError:
        # The refusal stands; if it is sent again, it may be recorded then.
        logger.exception("a refused callback could not be stored")
    limit().count(subject_of(arrival.source))
    return refusal(rejected.status, str(rejected))


def refusal(status: int, reason: str) -> Answer:
    """Returns an answer with the reason in JSON."""
    return Answer(status, "application/json", json.dumps({"error": reason}), error=reason)


def limit() -> FailureLimit:
    """The limit on refused callbacks of one source. Accepted ones do not count, so a valid sender is never limited."""
    return FailureLimit("payments.refused", most=settings.PAYMENT_REFUSALS_PER_MINUTE, seconds=60)


def kept(headers: Mapping[str, str]) -> dict[str, str]:
    """Returns the headers to store, each cut to LONGEST_HEADER characters."""
    found = {name: headers.get(name, "") for name in KEPT_HEADERS}
    return {name: Truncator(value).chars(LONGEST_HEADER) for name, value in found.items() if value}


def readable(body: bytes) -> str:
    """Returns the body as text that every database accepts: bytes that are not UTF-8, and NUL, become escapes."""
    return body.decode(errors="backslashreplace").replace("\0", "\\x00")
