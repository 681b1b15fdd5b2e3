"""Takes a callback from the wire to its answer: the limit, the provider's verification, the settlement, and the record.

Every callback is stored with what became of it. The answers: 2xx is committed, do not send it again; 4xx will never
succeed as it is; 5xx, send it again.
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
from orders.limits import Limit
from orders.models import Callback, Order
from orders.payments import settlement
from orders.payments.metrics import CALLBACKS
from orders.payments.providers import Provider, Rejected, Report
from orders.payments.settlement import Result

logger = logging.getLogger(__name__)

# A larger body is refused; real ones are a few hundred bytes.
LARGEST_BODY = 64 * 1024
# What is kept of a body that did not verify; one that the provider has signed is kept whole.
KEPT_OF_UNSIGNED = 4096
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
    """A callback as it came: to which provider's address, with which headers and body, from which network address.

    trace: the request's id in the log, where callbacks of several requests are taken in one thread.
    """

    provider: Provider
    headers: Mapping[str, str]
    body: bytes
    source: str
    trace: str = field(default_factory=tracing.trace)


@dataclass(frozen=True, slots=True)
class Verified:
    """An arrival that its provider's class has verified, and what it reports. report_id: the provider's id of the report."""

    arrival: Arrival
    report_id: str
    report: Report


@dataclass(frozen=True, slots=True)
class Refused:
    """An arrival that was refused, with its answer."""

    answer: Answer


def receive(arrival: Arrival) -> Answer:
    """Takes one callback; see receive_all()."""
    return receive_all([arrival])[0]


def receive_all(arrivals: Sequence[Arrival]) -> list[Answer]:
    """Takes callbacks, those that verify in one transaction, and returns an answer for each, in its place.

    A callback that verifies is taken, whatever came from its source. Of a source with too many refused callbacks within a
    minute, any further one that does not verify is answered 429 and not stored.
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
    """Applies the reports, stores the callbacks, and returns their answers; all of it or, if the database fails, nothing."""
    if not callbacks:
        return []
    try:
        results = store(callbacks)
    except DatabaseError as error:
        if len(callbacks) > 1 and not isinstance(error, OperationalError):
            # One of them may be the cause: the others are taken one by one.
            return [answer for callback in callbacks for answer in settle_all([callback])]
        logger.exception("callbacks could not be stored; the providers are asked to send them again")
        for callback in callbacks:
            CALLBACKS.labels(callback.arrival.provider.name, "failed").inc()
        return [refusal(503, AGAIN)] * len(callbacks)
    return [answer_of(callback, result) for callback, result in zip(callbacks, results, strict=True)]


def store(callbacks: Sequence[Verified]) -> list[Result | Rejected]:
    """Applies the reports and stores the callbacks in one transaction; returns what became of each report."""
    with transaction.atomic(using=router.db_for_write(Order)):
        results = settlement.apply_all([callback.report for callback in callbacks])
        Callback.objects.bulk_create(
            record_of(callback.arrival, callback.report_id, outcome=result.effect, order=result.order)
            for callback, result in zip(callbacks, results, strict=True)
            if isinstance(result, Result)
        )
    return results


def answer_of(callback: Verified, result: Result | Rejected) -> Answer:
    """Returns the answer to a report that was applied, or that contradicts its order."""
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
        # It is refused in any case; when it is sent again, it may be recorded.
        logger.exception("a refused callback could not be stored")
    limit().count(subject_of(arrival.source))
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
