"""Rows about the head of the response: its type, and what it says to caches and proxies."""

from notifications.testing.conformance.registry import HTML, RFC, RowSkipped, expect, row
from notifications.testing.conformance.target import Target

BUFFERING = "https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering"


@row("content-type", "must", f"{HTML}#sse-processing-model", "The browser refuses the stream and never tries again.")
async def type_is_event_stream(target: Target) -> None:
    response = await target.ask()
    kind = response.header("content-type") or "none"
    expect(response.status == 200, f"the status is {response.status}")
    expect(kind.partition(";")[0].strip().lower() == "text/event-stream", f"Content-Type is {kind}")


@row(
    "charset",
    "must",
    "https://html.spec.whatwg.org/multipage/iana.html#text/event-stream",
    "Proxies and tools read letters beyond ASCII wrongly.",
)
async def charset_is_utf8(target: Target) -> None:
    async with target.stream() as response:
        _kind, *parameters = (response.header("content-type") or "").lower().replace('"', "").split(";")
        charsets = [part.strip() for part in parameters if part.strip().startswith("charset=")]
        expect(set(charsets) <= {"charset=utf-8"}, f"Content-Type has {charsets}")


@row("cache-control", "should", f"{RFC}9111#section-5.2.2.4", "A cache may answer with the beginning of an old stream.")
async def caches_do_not_store(target: Target) -> None:
    async with target.stream() as response:
        said = (response.header("cache-control") or "").lower()
        expect("no-cache" in said or "no-store" in said, f"Cache-Control is {said or 'missing'}")


@row(
    "no-transform",
    "extra",
    f"{RFC}9111#section-5.2.2.6",
    "A proxy that compresses may hold events back until its buffer is full.",
)
async def proxies_do_not_transform(target: Target) -> None:
    async with target.stream() as response:
        said = (response.header("cache-control") or "").lower()
        expect("no-transform" in said, f"Cache-Control is {said or 'missing'}")


@row("no-buffering", "extra", BUFFERING, "Behind nginx as it comes, events arrive in heaps or not at all.")
async def nginx_does_not_buffer(target: Target) -> None:
    async with target.stream() as response:
        if "nginx" in (response.header("server") or ""):
            raise RowSkipped("nginx is in front, and takes the header for itself")
        said = response.header("x-accel-buffering")
        expect((said or "").lower() == "no", f"X-Accel-Buffering is {said or 'missing'}")


@row("identity", "must", f"{RFC}9110#section-12.5.3", "A client that asked for plain text cannot read the stream.")
async def encoding_is_as_asked(target: Target) -> None:
    async with target.stream({"Accept-Encoding": "identity"}) as response:
        encoding = response.header("content-encoding") or "identity"
        expect(encoding.lower() == "identity", f"Content-Encoding is {encoding}")


@row(
    "framing",
    "must",
    f"{RFC}9112#section-6.3",
    "The client takes the stream to be over, or waits for bytes that never come.",
)
async def body_has_one_framing(target: Target) -> None:
    async with target.stream() as response:
        length = response.header("content-length")
        expect(length is None, f"Content-Length is {length}, of a response without an end")
        # Without chunks the body lasts until the connection is closed. Malformed chunks raise RowFailed.
        await response.read_for(0.3)


@row(
    "opens-at-once",
    "should",
    f"{HTML}#sse-processing-model",
    "The page shows itself as disconnected until the first event.",
)
async def head_comes_before_events(target: Target) -> None:
    # ask() raises RowFailed where the head waits for the first event.
    async with target.stream():
        pass
