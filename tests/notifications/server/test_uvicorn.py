"""Direct writes on uvicorn: the order, a client that does not read or leaves, and where they are not used."""

import asyncio
import logging
import ssl
from contextlib import asynccontextmanager
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import RequestResponseCycle as H11Cycle
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle as HttptoolsCycle
from uvicorn.server import Server

from notifications.server import uvicorn, uvicorn_internals
from notifications.server.adapter import ServerAdapter
from notifications.stream.application import WRITE_NOW
from notifications.stream.asgi import body, chunk, start
from tests.support.certificates import make_certificate
from tests.support.renaming import rename

PROTOCOLS: dict[str, Any] = {"h11": H11Cycle, "httptools": HttptoolsCycle}
# More than the buffers of a socket take on either side.
PIECE, PIECES = b"x" * 50_000, 400

pytestmark = pytest.mark.parametrize("protocol", PROTOCOLS)


@pytest.fixture(autouse=True)
def nothing_is_known_of_uvicorn(monkeypatch):
    monkeypatch.setattr(uvicorn, "_differences", {})


@asynccontextmanager
async def served(application, protocol: str, outermost=lambda adapted: adapted, **options):
    """Serves an application with uvicorn; yields a function that sends a request and returns its streams."""
    options |= {
        "port": 0,
        "http": protocol,
        "interface": "asgi3",
        "lifespan": "off",
        "log_config": None,
        "timeout_graceful_shutdown": 1,
    }
    server = Server(Config(outermost(ServerAdapter(application)), **options))
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]

    async def ask(method: str = "GET", version: str = "1.1", context: ssl.SSLContext | None = None):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        writer.write(f"{method} / HTTP/{version}\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        return reader, writer

    try:
        yield ask
    finally:
        server.should_exit = True
        await task


def outlet(scope):
    return scope.get("extensions", {}).get(WRITE_NOW, {}).get("outlet")


def run(test):
    async def limited():
        async with asyncio.timeout(8):
            await test()

    asyncio.run(limited())


def test_the_installed_version_is_as_expected(protocol, caplog):
    writers = []

    async def application(scope, _receive, send):
        writers.append(outlet(scope))
        await start(send)
        await send(body(b""))

    async def test():
        async with served(application, protocol) as ask:
            for _ in range(2):
                reader, _ = await ask()
                assert (await reader.read()).startswith(b"HTTP/1.1 200 OK\r\n")

    with caplog.at_level(logging.INFO):
        run(test)
    assert [type(writer) for writer in writers] == [uvicorn.UvicornWriter] * 2
    assert list(uvicorn._differences.values()) == [""]
    requests = [record for record in caplog.records if record.name == "uvicorn.access"]
    assert len(requests) == 2, "the request in memory is not in the log of requests"
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


def test_what_is_written_directly_is_in_order_with_what_uvicorn_writes(protocol):
    answers = []

    async def application(scope, _receive, send):
        writer = outlet(scope)
        answers.append(writer.write(writer.frame(b"before the start")))
        await start(send)
        await send(body(b"one ", more=True))
        answers.append(writer.write(writer.frame(b"two ")))
        answers.append(writer.write(writer.frame(b"three ")))
        await send(body(b"four", more=True))
        await send(body(b""))
        answers.append(writer.write(writer.frame(b"behind the end")))

    async def test():
        async with served(application, protocol) as ask:
            reader, _ = await ask()
            _head, _, content = (await reader.read()).partition(b"\r\n\r\n")
            assert content == chunk(b"one ") + chunk(b"two ") + chunk(b"three ") + chunk(b"four") + b"0\r\n\r\n"

    run(test)
    assert answers == [False, True, True, False]


def test_a_client_that_does_not_read_makes_the_stream_wait_and_then_gets_all(protocol):
    sent, refused, sizes = [0], [], []

    async def application(scope, _receive, send):
        writer = outlet(scope)
        transport = writer._transport
        await start(send)
        framed = writer.frame(PIECE)
        for _ in range(PIECES):
            if not writer.write(framed):
                refused.append(sent[0])
                await send(body(PIECE, more=True))
            sent[0] += 1
            sizes.append(transport.get_write_buffer_size())
        await send(body(b""))

    async def test():
        async with served(application, protocol) as ask:
            reader, _ = await ask()
            await asyncio.sleep(0.1)
            before = -1
            while before != sent[0]:
                before = sent[0]
                await asyncio.sleep(0.2)
            assert 0 < before < PIECES, "it waits"
            assert refused[0] > 0, "it wrote directly before"
            _head, _, content = (await reader.read()).partition(b"\r\n\r\n")
            assert content == chunk(PIECE) * PIECES + b"0\r\n\r\n"

    run(test)
    assert sent == [PIECES]
    # uvicorn waits past asyncio's high-water mark of 64 KB: what is there, one piece directly, and one by its `send`.
    assert max(sizes) <= 64 * 1024 + 2 * len(chunk(PIECE))


def test_a_client_that_leaves_is_not_written_to(protocol):
    left, answers, done = [], [], asyncio.Event()

    async def application(scope, receive, send):
        writer = outlet(scope)
        await start(send)
        while (message := await receive())["type"] != "http.disconnect":
            pass
        left.append(message["type"])
        answers.append(writer.write(writer.frame(b"nobody reads this")))
        done.set()
        await send(body(b""))

    async def test():
        async with served(application, protocol) as ask:
            _, writer = await ask()
            await asyncio.sleep(0.1)
            writer.transport.abort()
            await done.wait()

    run(test)
    assert (left, answers) == (["http.disconnect"], [False])


def shouting(inner):
    """A middleware that changes responses."""

    async def changed(scope, receive, send):
        async def louder(message):
            await send({**message, "body": message["body"].upper()} if "body" in message else message)

        await inner(scope, receive, louder)

    return changed


@pytest.mark.parametrize("case", ["HTTP/1.0", "HEAD", "another middleware", "chunks of another", "TLS"])
def test_a_response_that_is_not_in_plain_chunks_is_uvicorns_alone(protocol, case, tmp_path):
    writers: list[Any] = []
    options: dict[str, Any] = {}
    how: dict[str, Any] = {}

    async def application(scope, _receive, send):
        writers.append(outlet(scope))
        await start(send)
        await send(body(b"content"))

    if case == "HTTP/1.0":
        how["version"] = "1.0"
    elif case == "HEAD":
        how["method"] = "HEAD"
    elif case == "another middleware":
        options["outermost"] = shouting
    elif case == "chunks of another":
        options["headers"] = [("Content-Length", "7")]
    elif case == "TLS":
        make_certificate(tmp_path)
        options |= {"ssl_certfile": tmp_path / "fullchain.pem", "ssl_keyfile": tmp_path / "privkey.pem"}
        how["context"] = ssl.create_default_context(cafile=tmp_path / "fullchain.pem")

    async def test():
        async with served(application, protocol, **options) as ask:
            reader, _ = await ask(**how)
            content = await reader.read()
            assert content.startswith(b"HTTP/1.1 200 OK\r\n")
            assert (b"CONTENT" if case == "another middleware" else b"content") in content or case == "HEAD"

    run(test)
    assert writers == [None]


@pytest.mark.parametrize("name", uvicorn_internals.WRITTEN_CYCLE)
def test_in_a_release_without_a_name_uvicorn_writes_and_one_warning_says_so(protocol, name, monkeypatch, caplog):
    rename(monkeypatch, PROTOCOLS[protocol], name)
    writers = []

    async def application(scope, _receive, send):
        writers.append(outlet(scope))
        await start(send)
        await send(body(b"content"))

    async def test():
        async with served(application, protocol) as ask:
            for _ in range(2):
                reader, _ = await ask()
                assert b"content" in await reader.read()

    run(test)
    assert writers == [None, None]
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert "events are written its own, slower way" in warnings[0]
    assert name in warnings[0]


def test_in_a_release_that_writes_chunks_otherwise_uvicorn_writes(protocol, monkeypatch):
    cycle = PROTOCOLS[protocol]
    usual = cycle.send

    async def send(self, message):
        if message.get("body") and message["more_body"]:
            self.transport.write(b"5;extension\r\n")
        await usual(self, message)

    async def with_a_trailer(self, message):
        await usual(self, message)
        if message.get("body"):
            self.transport.write(b"")

    for changed in (send, with_a_trailer):
        changed.__name__ = "send"
        monkeypatch.setattr(cycle, "send", changed)
        difference = asyncio.run(differing(protocol))
        assert difference == ("" if changed is send else "a part of a response is not written as one chunk")


async def differing(protocol: str) -> str:
    """What is found in a protocol that has no connection yet."""
    config = Config(lambda: None, http=protocol, lifespan="off", log_config=None)
    config.load()
    server = Server(config)
    protocol_class: Any = config.http_protocol_class
    made = protocol_class(config=config, server_state=server.server_state, app_state={})
    return uvicorn_internals.find_difference(made)
