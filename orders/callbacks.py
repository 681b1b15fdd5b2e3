"""Signed callbacks of a payment provider, as Standard Webhooks has them: both the site's and the simulator's side.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.http.request import RawPostDataException
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from orders.payments import Rejected

HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
MAX_BODY = 64 * 1024
MAX_ID = 200


def read_body(request: HttpRequest) -> bytes:
    """Returns the body of a callback; raises Rejected where it is no JSON by its type, or too large."""
    if request.content_type != "application/json":
        raise Rejected("the content type must be application/json", 415)
    try:
        length = int(request.headers.get("Content-Length") or 0)
        body = b"" if length > MAX_BODY else request.body
    except (ValueError, RawPostDataException, RequestDataTooBig):
        raise Rejected("the body cannot be read") from None
    if max(length, len(body)) > MAX_BODY:
        raise Rejected(f"the body is larger than {MAX_BODY} bytes", 413)
    return body


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> str:
    """Returns the callback's id if one of the secrets signed it within five minutes of now; raises Rejected."""
    signed = {name: headers.get(name, "") for name in HEADERS}
    if missing := [name for name, value in signed.items() if not value]:
        raise Rejected(f"the header {missing[0]} is missing", 401)
    if len(signed["webhook-id"]) > MAX_ID:
        raise Rejected("webhook-id is too long")
    reason = "the signature does not match"
    for secret in secrets:
        try:
            Webhook(secret).verify(body, signed, json_parse=False)
        except WebhookVerificationError as error:
            if "timestamp" in str(error).lower():
                reason = "the timestamp is not within five minutes of now"
        except ValueError:
            reason = "the signature cannot be read"
        else:
            return signed["webhook-id"]
    raise Rejected(reason, 401)


def sign(secret: str, callback_id: str, sent_at: datetime, body: str) -> dict[str, str]:
    """Returns the headers with which a provider sends this body."""
    return {
        "content-type": "application/json",
        "webhook-id": callback_id,
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": Webhook(secret).sign(callback_id, sent_at, body),
    }
