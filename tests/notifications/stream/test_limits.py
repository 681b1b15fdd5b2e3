"""Who may open a stream from where, and how many."""

import pytest

from notifications import log
from notifications.stream import EventStream, hub
from tests.support.asgi import Reader, cookies_of, run
from tests.support.people import person

pytestmark = pytest.mark.django_db(transaction=True)


def assert_shed(reader: Reader) -> None:
    """Told to come back much later, in the one way that an EventSource understands."""
    assert reader.status == 200
    assert reader.headers[b"content-type"].startswith(b"text/event-stream")
    assert [event.event for event in reader.events] == ["bye"]
    assert 30_000 <= (reader.parser.retry or 0) <= 60_000
    assert reader.ended


@pytest.mark.parametrize("setting", ["NOTIFICATIONS_MAX_STREAMS", "NOTIFICATIONS_MAX_STREAMS_PER_PERSON"])
def test_past_a_limit_a_stream_is_shed_and_below_it_taken_again(alice, settings, setting):
    setattr(settings, setting, 2)
    cookie, other = cookies_of(alice), cookies_of(person("bob"))

    async def scenario():
        first, second = [await Reader(EventStream(), "/events/", cookie).opened() for _ in range(2)]
        third = await Reader(EventStream(), "/events/", cookie).end()
        of_another = await Reader(EventStream(), "/events/", other).opened()
        await first.leave()
        again = await Reader(EventStream(), "/events/", cookie).opened()
        for reader in (second, again, of_another):
            await reader.leave()
        return third, again, of_another

    third, again, of_another = run(scenario)
    assert_shed(third)
    assert again.events == []
    if setting.endswith("PERSON"):
        assert of_another.events == []
    else:
        assert_shed(of_another)


def test_a_process_that_is_about_to_end_takes_no_stream(alice, monkeypatch):
    cookie = cookies_of(alice)

    async def scenario():
        monkeypatch.setattr(hub.get_hub(), "draining", True)
        return await Reader(EventStream(), "/events/", cookie).end()

    assert_shed(run(scenario))


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://friend.example", 200),
        ("https://friend.example.evil.example", 403),
        ("http://friend.example", 403),
        ("https://friend.example:8443", 403),
        ("https://evil.example", 403),
        ("null", 403),
        ("http://localhost", 200),
        (None, 200),
    ],
)
def test_pages_of_other_origins_read_streams_only_where_the_operator_allows_it(alice, settings, origin, status):
    settings.EVENTSTREAM_ALLOW_ORIGINS = ["https://friend.example"]
    cookie = cookies_of(alice)
    log.append(f"user:{alice.pk}", "happened")
    headers = {} if origin is None else {"origin": origin}

    async def scenario():
        query = "mode=reconnect&lastEventId=0"
        return await Reader(EventStream(), "/events/", cookie, query=query, **headers).end()

    reader = run(scenario)
    assert reader.status == status
    if status == 403:
        assert reader.events == []
        assert b"access-control-allow-origin" not in reader.headers
    elif origin == "https://friend.example":
        assert reader.headers[b"access-control-allow-origin"] == b"https://friend.example"
        assert reader.headers[b"access-control-allow-credentials"] == b"true"
        assert reader.headers[b"vary"] == b"Origin"
        assert len(reader.events) == 1
    else:
        assert b"access-control-allow-origin" not in reader.headers


@pytest.mark.parametrize(
    ("setting", "value", "status"),
    [
        ("EVENTSTREAM_ALLOW_ORIGIN", "https://friend.example", 200),
        ("EVENTSTREAM_ALLOW_ORIGIN", ["https://other.example", "https://friend.example"], 200),
        ("EVENTSTREAM_ALLOW_ORIGINS", "https://friend.example", 200),
        ("EVENTSTREAM_ALLOW_ORIGINS", "https://friend.example.evil.example", 403),
        ("EVENTSTREAM_ALLOW_ORIGIN", "*", 403),
    ],
)
def test_origins_are_taken_in_the_forms_that_eventstream_takes(alice, settings, setting, value, status):
    settings.EVENTSTREAM_ALLOW_ORIGINS = []
    setattr(settings, setting, value)
    cookie = cookies_of(alice)

    async def scenario():
        return await Reader(
            EventStream(), "/events/", cookie, query="mode=reconnect", origin="https://friend.example"
        ).end()

    assert run(scenario).status == status


def test_by_default_no_other_origin_is_allowed(alice):
    cookie = cookies_of(alice)

    async def scenario():
        return await Reader(EventStream(), "/events/", cookie, origin="https://friend.example").end()

    assert run(scenario).status == 403


def test_a_refusal_is_readable_for_an_allowed_origin(settings):
    settings.EVENTSTREAM_ALLOW_ORIGINS = ["https://friend.example"]

    async def scenario():
        return await Reader(EventStream(), "/events/", origin="https://friend.example").end()

    reader = run(scenario)
    assert reader.status == 204
    assert reader.headers[b"access-control-allow-origin"] == b"https://friend.example"
