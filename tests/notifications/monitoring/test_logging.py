"""Log lines that can be followed."""

import json
import logging
from datetime import datetime
from logging.config import DictConfigurator
from typing import Any

import pytest
from django.conf import settings

from notifications import log, tracing
from notifications.monitoring import recent_errors
from notifications.stream import EventStream
from tests.support.asgi import Reader, cookies_of, in_thread, run
from tests.support.people import person

pytestmark = pytest.mark.django_db(transaction=True)
# That of the settings, with its options.
LOGGING: Any = settings.LOGGING
FORMATTER = DictConfigurator(LOGGING).configure_formatter(LOGGING["formatters"]["json"])


def as_json(record: logging.LogRecord) -> dict:
    tracing.TraceFilter().filter(record)
    return json.loads(FORMATTER.format(record))


def test_a_stream_says_in_one_line_how_it_went(caplog):
    alice = person("alice")
    cookie = cookies_of(alice)
    caplog.set_level("DEBUG", "notifications.streams")

    async def scenario():
        reader = await Reader(EventStream(), "/events/", cookie, last_event_id="0").opened()
        await in_thread(log.append, f"user:{alice.pk}", "happened")
        await reader.until(lambda r: r.told())
        await reader.leave()
        once = await Reader(EventStream(), "/events/", cookie, query="mode=reconnect&lastEventId=0").end()
        assert once.told()

    run(scenario)
    opened, ended, _opened, once = [record for record in caplog.records if record.name == "notifications.streams"]
    assert (opened.levelname, opened.getMessage()) == ("DEBUG", f"stream opened: user {alice.pk}, from 0")
    assert ended.levelname == "INFO"
    assert ended.getMessage().startswith(f"stream ended: left; user {alice.pk}, from 0 to 1, 1 delivered in ")
    assert once.getMessage().startswith("stream ended: once; ")
    fields = as_json(ended)["stream"]
    assert (fields["reason"], fields["user_id"], fields["cursor"], fields["position"]) == ("left", str(alice.pk), 0, 1)
    assert fields["opened_at"] <= fields["written_at"] <= fields["ended_at"]
    assert fields["trace"] != as_json(once)["stream"]["trace"]


def test_every_request_has_an_id_its_proxys_if_that_is_fit(client):
    given = client.get("/healthz")["X-Request-ID"]
    assert len(given) == 12
    assert client.get("/healthz")["X-Request-ID"] != given
    assert client.get("/healthz", HTTP_X_REQUEST_ID="proxy-4711.a_b")["X-Request-ID"] == "proxy-4711.a_b"
    for unfit in ("short", "x" * 65, "a line\nof its own", "quoted\"name'"):
        assert client.get("/healthz", HTTP_X_REQUEST_ID=unfit)["X-Request-ID"] not in unfit


def test_a_line_of_json_has_what_the_text_has():
    tracing.begin_trace("request-0815")
    record = logging.getLogger("some").makeRecord(
        "some", logging.ERROR, __file__, 1, "%s broke", ("it",), None, extra={"order": 7}
    )
    found = as_json(record)
    assert {name: found[name] for name in ("level", "logger", "trace", "message", "order")} == {
        "level": "ERROR",
        "logger": "some",
        "trace": "request-0815",
        "message": "it broke",
        "order": 7,
    }
    assert found["time"].endswith("+00:00")
    assert datetime.fromisoformat(found["time"]).timestamp() == pytest.approx(record.created, abs=0.001)
    assert set(found) == {"time", "level", "logger", "trace", "message", "order"}
    record.exc_info = (ValueError, ValueError("wrong"), None)
    assert as_json(record)["error"] == "ValueError: wrong"


def test_the_latest_errors_are_remembered_and_missing_pages_are_not(client):
    recent_errors.recent.clear()
    client.get("/nothing/")
    logging.getLogger("notifications.digests").warning("cannot mail %s", "anybody")
    for number in range(recent_errors.MAX_ERRORS):
        logging.getLogger("orders").error("number %d", number)
    assert [error["text"] for error in recent_errors.recent] == [
        f"number {number}" for number in range(recent_errors.MAX_ERRORS)
    ]
    logging.getLogger("notifications.digests").warning("cannot mail %s", "anybody")
    assert recent_errors.recent[-1]["text"] == "cannot mail anybody"
    recent_errors.recent.clear()
