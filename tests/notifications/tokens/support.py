"""Requests with tokens, and authenticators of a site."""

import json
from datetime import timedelta

from django.contrib.auth.models import User
from django.test import Client

from notifications import log
from notifications.stream import EventStream
from tests.support.asgi import Reader, run

HERE = __name__
SOON = timedelta(seconds=60)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def tell(user) -> None:
    log.append(f"user:{user.pk}", "happened", {"number": 1}, url="/")


def unread(authorization: str, client: Client | None = None, path: str = "/api/unread"):
    return (client or Client()).get(path, headers={"Authorization": authorization})


def post(client: Client, path: str, body, **headers: str):
    return client.post(path, json.dumps(body), content_type="application/json", headers=headers)


def read_stream(authorization: str, cookie: bytes = b"", *, query: str = "") -> Reader:
    """Returns a stream's answer: at its end if it is refused, else with its first events."""

    async def scenario() -> Reader:
        reader = Reader(EventStream(), "/events/", cookie, query, authorization=authorization, last_event_id="0")
        await reader.until(lambda r: r.ended or r.told())
        if not reader.ended:
            await reader.leave()
        return reader

    return run(scenario)


def channels_of(reader: Reader) -> set[str]:
    return {event.json()["channel"] for event in reader.events if event.event == "happened"}


def assert_refused_everywhere(authorization: str, cookie_of: User | None = None) -> None:
    """The API and the stream answer 401 with a challenge, though the request also has a good session of a person."""
    client = Client()
    cookie = b""
    if cookie_of is not None:
        client.force_login(cookie_of)
        cookie = f"sessionid={client.cookies['sessionid'].value}".encode()
    answer = unread(authorization, client)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer error="invalid_token"')
    assert answer.json().keys() == {"detail"}
    stream = read_stream(authorization, cookie)
    assert (stream.status, stream.headers[b"www-authenticate"]) == (401, b'Bearer error="invalid_token"')
    assert stream.told() == []


def by_name(value: str) -> User | None:
    """An authenticator: its tokens are names."""
    scheme, _, name = value.partition(" ")
    return User.objects.filter(username=name).first() if scheme == "Name" else None


def that_breaks(value: str) -> User | None:
    raise RuntimeError("the server of tokens is away")
