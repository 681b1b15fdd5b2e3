"""Takes a callback from the wire to its answer: limits, the provider's word, the state machine, and the record of it all."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings
from django.db import DatabaseError, transaction
from django.utils.text import Truncator

from orders import payments
from orders.limits import Limit
from orders.models import Callback
from orders.providers import Provider, Rejected

logger = logging.getLogger(__name__)

# A larger body is refused; real ones are a few hundred bytes.
LARGEST_BODY = 64 * 1024
# What is kept of a body that was refused.
KEPT_OF_REFUSED = 4096
# Headers kept with a callback: enough to verify it again, and to see what was wrong with it.
KEPT_HEADERS = ("content-type", "user-agent", "webhook-id", "webhook-timestamp", "webhook-signature")
LONGEST_HEADER = 500


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider is answered."""

    status: int
    content_type: str
    body: str
    error: str = ""


def receive(provider: Provider, headers: Mapping[str, str], body: bytes, source: str) -> Answer:
    """Takes a callback. 2xx: committed, do not send it again. 4xx: it will never succeed as it is. 5xx: send it again.

    Every callback is stored with what became of it; a source whose callbacks were refused too often within a minute is
    answered 429 and not stored.
    """
    if limit().is_reached(source):
        return refusal(429, "too many refused callbacks from this address: wait a minute")
    record = Callback(provider=provider.name, source=source, headers=kept(headers), body=readable(body))
    try:
        check_size(body)
        callback_id = provider.verify(headers, body)
        record.report_id = callback_id
        report = provider.parse(callback_id, body)
        with transaction.atomic():
            result = payments.apply(report)
            record.outcome, record.order, record.status = result.word, result.order, 200
            record.save()
    except Rejected as rejected:
        return refuse(record, rejected)
    except DatabaseError:
        logger.exception("a callback could not be stored; the provider is asked to send it again")
        return refusal(503, "not now: send it again later")
    logger.info("callback %s for order %s: %s", callback_id, report.order_number, result.word)
    return Answer(200, *provider.answer())


def check_size(body: bytes) -> None:
    """Raises Rejected for a body that is too large."""
    if len(body) > LARGEST_BODY:
        raise Rejected(f"the body is larger than {LARGEST_BODY} bytes", 413)


def refuse(record: Callback, rejected: Rejected) -> Answer:
    """Stores a refused callback and counts it against its source."""
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
    return Answer(status, "application/json", "", error=reason)


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
