"""Rows about the request: methods, Accept, the protocol's versions, encodings, and requests that come in pieces."""

import asyncio
import zlib

from notifications.testing.conformance.client import RawResponse
from notifications.testing.conformance.registry import HTML, RFC, RowFailed, RowSkipped, expect, row
from notifications.testing.conformance.target import Target


@row(
    "head-method",
    "should",
    f"{RFC}9110#section-9.3.2",
    "Uptime checks and link previews hang, and hold a connection each.",
)
async def head_has_no_body(target: Target) -> str:
    response = await target.ask("HEAD")
    try:
        async with asyncio.timeout(0.3):
            sent = await response.reader.read(100)
    except TimeoutError:
        sent = b""
    expect(not sent, f"a body follows: {sent[:40]!r}")
    expect(response.status < 500, f"the status is {response.status}")
    if response.status == 405:
        expect(response.header("allow"), "405 without Allow")
    return f"{response.status}"


@row(
    "other-methods",
    "should",
    f"{RFC}9110#section-15.5.6",
    "A form or a script that posts to the address holds a stream open.",
)
async def other_methods_open_no_stream(target: Target) -> str:
    answers = []
    for method in ("DELETE", "PUT", "BREW"):
        response = await target.ask(method, {"Content-Length": "0"})
        response.close()
        expect(response.status >= 400, f"{method} is answered with {response.status}")
        if response.status == 405:
            expect(response.header("allow") is not None, f"{method} is answered with 405 without Allow")
        answers.append(str(response.status))
    return ", ".join(answers)


@row(
    "accept-any",
    "should",
    f"{RFC}9110#section-12.5.1",
    "curl and libraries that send no Accept, or */*, get no stream.",
)
async def any_accept_gets_a_stream(target: Target) -> None:
    for accept in ("", "*/*", "text/event-stream;q=0.9, */*;q=0.1"):
        async with target.stream({"Accept": accept}):
            pass


@row("http-1.0", "must", f"{RFC}9112#section-6.1", "Old proxies and health checks read the sizes of chunks as events.")
async def http_1_0_gets_no_chunks(target: Target) -> str:
    response = await target.ask(version="1.0", headers={"Connection": ""})
    coding = response.header("transfer-encoding")
    expect(coding is None, f"Transfer-Encoding is {coding}")
    await response.read_for(0.3)
    return f"{response.status}"


@row("split-request", "must", f"{RFC}9112#section-2.2", "Clients on slow lines get errors.")
async def request_may_come_in_pieces(target: Target) -> None:
    response = await RawResponse.connect(target.url, "GET", target.context)
    target.opened.append(response)
    head = target.head("GET", target.url, {})
    cuts = [1, 3, 5, len(head) // 2, len(head) - 3, len(head) - 1, len(head)]
    start = 0
    for end in cuts:
        response.writer.write(head[start:end])
        await response.writer.drain()
        await asyncio.sleep(0.02)
        start = end
    async with asyncio.timeout(target.seconds):
        await response.read_head()
    expect(response.status == 200, f"the status is {response.status}")


@row(
    "gzip", "should", f"{RFC}9110#section-8.4.1.3", "Events stay in the compressor until much later ones push them out."
)
async def compression_is_flushed(target: Target) -> str:
    target.require_publishing(of_data=True)
    async with target.stream({"Accept-Encoding": "gzip"}) as response:
        encoding = (response.header("content-encoding") or "identity").lower()
        mark = await target.send_marked(1)
        if encoding == "identity":
            return "not compressed"
        if encoding not in ("gzip", "x-gzip"):
            raise RowSkipped(f"Content-Encoding is {encoding}")

        def arrived(read: RawResponse) -> bool:
            try:
                return mark in zlib.decompressobj(31).decompress(read.body).decode(errors="replace")
            except zlib.error as error:
                raise RowFailed(f"it is no gzip: {error}") from None

        await response.until(arrived, target.seconds, "the compressed event")
        return "compressed, and flushed"


@row(
    "last-event-id-in-utf-8",
    "must",
    f"{HTML}#the-last-event-id-header",
    "A browser whose last id has a letter beyond ASCII gets an error.",
)
async def header_may_be_utf8(target: Target) -> str:
    response = await target.ask(headers={"Last-Event-ID": "é-漢"})
    expect(response.status < 500, f"the status is {response.status}")
    return f"{response.status}"
