"""Payment providers: how each signs, formats and acknowledges its callbacks. Settlement does not depend on it.

A provider is one small class. To add one, write the class, add an instance to PROVIDERS, and give the provider the URL
/payments/callback/<its name>/.
"""

import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from django.conf import settings
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from orders.money import amount_of

# The library parses it with float(), which accepts exponents and digits of other scripts.
TIMESTAMP = re.compile(r"[0-9]{1,12}")


class Rejected(Exception):
    """A callback that will never succeed as it is, with the reason and the HTTP status."""

    def __init__(self, reason: str, status: int = 400, *, level: int = logging.WARNING) -> None:
        """reason: sent to the provider unchanged. status: a 4xx. level: of the log line."""
        super().__init__(reason)
        self.status = status
        self.level = level


@dataclass(frozen=True, slots=True)
class Report:
    """A provider's report of how one attempt to pay one order ended.

    id: the same in every resend. succeeded: whether money was taken. provider, digest: the provider's name, and the
    SHA-256 of the body in hexadecimal; callbacks.py sets them.
    """

    id: str
    order_number: int
    succeeded: bool
    amount: Decimal
    currency: str
    provider: str = "standard"
    digest: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """The identity of the report; a resend has the same."""
        return self.provider, self.id


class Provider(Protocol):
    """The interface of a provider."""

    name: str

    def verify(self, headers: Mapping[str, str], body: bytes) -> str:
        """Returns the callback's id; raises Rejected unless the provider signed this body a short time ago."""
        ...

    def parse(self, callback_id: str, body: bytes) -> Report:
        """Parses a verified body; raises Rejected if anything is missing or malformed."""
        ...

    def answer(self) -> tuple[str, str]:
        """Returns the content type and the body of the 200 that ends the resends of a callback."""
        ...


class StandardWebhooks:
    """Callbacks according to the Standard Webhooks specification.

    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    Body: {"type": "payment.succeeded" | "payment.failed", "data": {"order": 1042, "amount": "12.50", "currency":
    "EUR"}}. Other fields are stored with the raw callback and otherwise ignored.
    """

    name = "standard"
    HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
    OUTCOMES: Mapping[str, bool] = {"payment.succeeded": True, "payment.failed": False}
    LONGEST_ID = 200

    def __init__(self, secrets: Sequence[str] | None = None) -> None:
        """secrets: the newest first; default: the setting PAYMENT_CALLBACK_SECRETS, read at each use."""
        self._secrets = secrets

    @property
    def secrets(self) -> Sequence[str]:
        """The secrets of which any may have signed a callback."""
        return settings.PAYMENT_CALLBACK_SECRETS if self._secrets is None else self._secrets

    def verify(self, headers: Mapping[str, str], body: bytes) -> str:
        """Returns the id if a secret signed the body within five minutes of now; compares in constant time."""
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Rejected("the content type must be application/json", 415)
        signed = {name: headers.get(name, "") for name in self.HEADERS}
        if missing := [name for name, value in signed.items() if not value]:
            raise Rejected(f"the header {missing[0]} is missing", 401)
        if len(signed["webhook-id"]) > self.LONGEST_ID:
            raise Rejected("webhook-id is too long")
        if not TIMESTAMP.fullmatch(signed["webhook-timestamp"]):
            raise Rejected("webhook-timestamp is not a time in seconds", 401)
        reason = "the signature does not match"
        for secret in self.secrets:
            try:
                Webhook(secret).verify(body, signed, json_parse=False)
            except WebhookVerificationError as error:
                if "Message timestamp" in str(error):
                    reason = "the timestamp is not within five minutes of now"
            except ValueError:
                reason = "the signature cannot be read"
            else:
                return signed["webhook-id"]
        raise Rejected(reason, 401)

    def parse(self, callback_id: str, body: bytes) -> Report:
        try:
            content = json.loads(body.decode())
        except (ValueError, RecursionError):
            raise Rejected("the body is not JSON in UTF-8, or nested too deep") from None
        data = content.get("data") if isinstance(content, dict) else None
        if not isinstance(data, dict):
            raise Rejected("the body must be an object with an object in `data`")
        succeeded = self.OUTCOMES.get(content["type"]) if isinstance(content.get("type"), str) else None
        if succeeded is None:
            raise Rejected(f"`type` must be one of {', '.join(self.OUTCOMES)}")
        number, currency = data.get("order"), data.get("currency")
        if not isinstance(number, int) or isinstance(number, bool) or not 0 < number < 2**63:
            raise Rejected("`data.order` must be an order's number")
        if not isinstance(currency, str):
            raise Rejected("`data.currency` must be a string")
        return Report(callback_id, number, succeeded, parse_amount(data.get("amount")), currency)

    def answer(self) -> tuple[str, str]:
        """Returns `success`: Alipay resends until it reads exactly this; other providers read only the status."""
        return "text/plain", "success"

    def sign(self, callback_id: str, sent_at: datetime, body: str) -> dict[str, str]:
        """Returns the headers of a signed callback with this body; `sent_at` is an aware datetime in UTC."""
        return {
            "content-type": "application/json",
            "webhook-id": callback_id,
            "webhook-timestamp": str(int(sent_at.timestamp())),
            "webhook-signature": Webhook(self.secrets[0]).sign(callback_id, sent_at, body),
        }


def parse_amount(value: Any) -> Decimal:
    """Parses an amount from a string such as "12.50"; a JSON number would have lost precision as a float."""
    if not isinstance(value, str):
        raise Rejected('`data.amount` must be a string such as "12.50"')
    try:
        return amount_of(value)
    except ValueError as error:
        raise Rejected(f"`data.amount`: {error}") from None


STANDARD = StandardWebhooks()

PROVIDERS: dict[str, Provider] = {STANDARD.name: STANDARD}
