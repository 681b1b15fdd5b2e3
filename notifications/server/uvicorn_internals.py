"""What direct writes use of uvicorn beyond ASGI: the one list of it, looked up once in a process.

ASGI has no way to a transport. uvicorn's `send` is a method of the object that holds one request and its response, which its
protocols for h11 and httptools each name RequestResponseCycle. Before its first use, a request passes through the same protocol
in memory. Where anything differs, events are written uvicorn's own way, and a warning says so.
"""

import asyncio
import copy
from collections.abc import Callable, Coroutine
from typing import Any

from notifications.stream.asgi import body, chunk, start

# Of what module a request's class must be, and its name.
MODULES = ("uvicorn.protocols.http.h11_impl", "uvicorn.protocols.http.httptools_impl")
CYCLE = "RequestResponseCycle"
# What is read of a request while its response is written.
WRITTEN_CYCLE = ("default_headers", "response_complete", "response_started", "transport")
# A response with one of these is not sent in chunks, or not in ours.
FRAMING_HEADERS = frozenset({b"content-length", b"transfer-encoding"})


def cycle_of(send: Any) -> Any:
    """Returns the request to which an ASGI `send` belongs; None if that is not uvicorn's own `send`.

    A middleware that changes responses passes a `send` of its own, and its response must not be written past it.
    """
    cycle = getattr(send, "__self__", None)
    kind = type(cycle)
    is_cycle = kind.__name__ == CYCLE and kind.__module__ in MODULES and getattr(send, "__name__", "") == "send"
    return cycle if is_cycle else None


def find_difference(protocol: Any) -> str:
    """Returns what is not as expected in the protocol of a connection; nothing if its responses can be written to directly."""
    try:
        return _difference(protocol)
    except Exception as error:  # noqa: BLE001  any error means that the request was not served as it is today
        return f"a request in memory fails: {error!r}"


def _difference(protocol: Any) -> str:
    data = b"7 bytes"
    seen: list[Any] = []
    written: list[bytes] = []

    async def application(_scope: Any, _receive: Any, send: Any) -> None:
        cycle = cycle_of(send)
        seen.append(cycle)
        await start(send)
        seen.append(progress(cycle))
        await send(body(data, more=True))
        written.append(transport.written[-1])
        await send(body(b""))
        seen.append(progress(cycle))

    transport = KeepingTransport()
    answer_in_memory(protocol, transport, application)
    cycle: Any = seen[0] if seen else None
    if missing := [name for name in WRITTEN_CYCLE if not hasattr(cycle, name)]:
        return f"{CYCLE} has no {', '.join(missing)}"
    if cycle.transport is not transport:
        return f"{CYCLE} writes elsewhere"
    if seen[1:] != [(True, False), (True, True)]:
        return f"{CYCLE} does not tell how far its response is"
    if written != [chunk(data)]:
        return "a part of a response is not written as one chunk"
    return ""


def progress(cycle: Any) -> tuple[Any, Any]:
    """How far a response is. An error here would be in uvicorn's log, as the application's."""
    return getattr(cycle, "response_started", None), getattr(cycle, "response_complete", None)


def answer_in_memory(
    protocol: Any, transport: asyncio.Transport, application: Callable[..., Coroutine[Any, Any, None]]
) -> None:
    """Passes a request through another protocol of the same class and configuration, up to the end of its response."""
    loop = ProbeLoop()
    config = copy.copy(protocol.config)
    config.loaded_app, config.limit_concurrency = application, None
    probe = type(protocol)(config=config, server_state=type(protocol.server_state)(), app_state={}, _loop=loop)
    # The log of requests is for those that came.
    probe.access_log = False
    probe.connection_made(transport)
    probe.data_received(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    loop.run()


class ProbeLoop:
    """In the place of the event loop, which runs already: keeps the one task, which has nothing to wait for."""

    def __init__(self) -> None:
        self._tasks: list[Coroutine[Any, Any, None]] = []

    def create_task(self, task: Coroutine[Any, Any, None], **_options: Any) -> "ProbeLoop":
        self._tasks.append(task)
        return self

    def add_done_callback(self, callback: Callable[..., object]) -> None:
        """The task's. Nothing is to be told of its end."""

    def call_later(self, _delay: float, _callback: Callable[..., object]) -> "ProbeLoop":
        """The connection is dropped before it could time out."""
        return self

    def cancel(self) -> None:
        """The timer's."""

    def run(self) -> None:
        for task in self._tasks:
            try:
                task.send(None)
            except StopIteration:
                continue
            task.close()
            raise RuntimeError("its send waits")


class KeepingTransport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass
