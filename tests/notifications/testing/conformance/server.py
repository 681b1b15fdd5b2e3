"""A small server of Server-Sent Events in a thread of its own; it keeps to all rows, but for the one that it is told to break."""

import asyncio
import os
import re
import ssl
import threading
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Self

FRIEND = "https://friend.example"
# Streams that it takes at a time; the next ones are asked to come back.
ROOM = 30


class SmallServer:
    """Serves /events/, /publish/ and /ended/. broken: the name of a row."""

    def __init__(self, broken: str = "", certificate: Path | None = None) -> None:
        self.broken = broken
        self.certificate = certificate
        self.log: list[tuple[int, str]] = []
        self.queues: list[asyncio.Queue[tuple[int, str]]] = []
        self.hoarded: list[int] = []
        # Streams that the client has ended in the manner that is broken, and whether one does not read.
        self.aborted = 0
        self.stalled = False
        self.ready = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self.run()), daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        assert self.ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        # One that is broken may have stopped.
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self.stopped.set)
        self.thread.join(10)
        assert not self.thread.is_alive()

    @property
    def url(self) -> str:
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self.port}"

    async def run(self) -> None:
        self.loop, self.stopped = asyncio.get_running_loop(), asyncio.Event()
        self.tasks: set[asyncio.Task] = set()
        context = None
        if self.certificate:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(self.certificate / "fullchain.pem", self.certificate / "privkey.pem")
            context.set_alpn_protocols(["h2"])
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=context, backlog=1000)
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        await self.stopped.wait()
        server.close()
        for task in self.tasks:
            task.cancel()
        for descriptor in self.hoarded:
            os.close(descriptor)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        if self.broken == "cleanup":
            self.hoarded.append(os.dup(writer.get_extra_info("socket").fileno()))
        self.tasks.add(task)
        try:
            await (self.serve_http2 if self.certificate else self.serve_request)(reader, writer)
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            self.tasks.discard(task)
            writer.close()

    async def serve_http2(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(24)
        payload = b"" if self.broken == "http-2" else b": hello\n\n"
        # Settings; headers with the status 200; data.
        writer.write(b"\0\0\0\4\0\0\0\0\0" + b"\0\0\1\1\4\0\0\0\1\x88")
        writer.write(len(payload).to_bytes(3) + bytes([0, 0 if payload else 1, 0, 0, 0, 1]) + payload)
        await reader.read()

    async def serve_request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.broken == "split-request":
            head = await reader.read(65536)
            if not head.endswith(b"\r\n\r\n") and b"\r\n\r\n" not in head:
                return
        else:
            head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n\r\n")[0].decode("utf-8", "replace").split("\r\n")
        method, path, version = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if path == "/publish/":
            body = await reader.readexactly(int(headers["content-length"]))
            self.publish(body.decode())
            self.answer(writer, 204)
        elif path == "/ended/":
            self.answer(writer, 200 if self.broken == "terminal" else 204)
        else:
            await Stream(self, reader, writer, method, version, headers).run()

    @staticmethod
    def answer(writer: asyncio.StreamWriter, status: int, extra: str = "") -> None:
        length = "" if status == 204 else "Content-Length: 0\r\n"
        writer.write(f"HTTP/1.1 {status} Reason\r\n{length}{extra}Connection: close\r\n\r\n".encode())

    def publish(self, data: str) -> None:
        self.log.append((len(self.log) + 1, data))
        if self.aborted or self.stalled:
            return
        for queue in self.queues[:1] if self.broken == "everybody" else self.queues:
            queue.put_nowait(self.log[-1])


class Stream:
    """One request for a stream."""

    def __init__(self, server, reader, writer, method, version, headers) -> None:
        self.server, self.reader, self.writer = server, reader, writer
        self.broken = server.broken
        self.method, self.headers = method, headers
        self.chunked = version == "HTTP/1.1" or self.broken == "http-1.0"
        self.compressor: zlib._Compress | None = None

    def is_broken(self, *names: str) -> bool:
        return self.broken in names

    async def run(self) -> None:  # noqa: C901, PLR0911  an answer for each kind of request
        if self.method == "HEAD":
            self.writer.write(self.head(200))
            if self.is_broken("head-method"):
                self.write(b": hello\n\n")
            return None
        if self.method != "GET" and not self.is_broken("other-methods"):
            return self.server.answer(self.writer, 405, "Allow: GET, HEAD\r\n")
        cursor = self.headers.get("last-event-id", "")
        if self.is_broken("accept-any") and self.headers.get("accept") != "text/event-stream":
            return self.server.answer(self.writer, 406)
        if self.is_broken("cursor-malformed") and cursor and not re.fullmatch("[0-9]{1,9}", cursor):
            return self.server.answer(self.writer, 500)
        if self.is_broken("last-event-id-in-utf-8") and not cursor.isascii():
            return self.server.answer(self.writer, 500)
        if len(self.server.queues) >= ROOM:
            if self.is_broken("shedding"):
                return self.server.answer(self.writer, 503)
            if self.is_broken("many-connections"):
                return None
            self.writer.write(self.head(200))
            self.write(b"retry: 5000\nevent: bye\ndata:\n\n")
            if self.chunked:
                self.writer.write(b"0\r\n\r\n")
            return None
        queue: asyncio.Queue = asyncio.Queue()
        self.server.queues.append(queue)
        end = asyncio.ensure_future(self.reader.read())
        try:
            await self.stream(cursor, queue, end)
        finally:
            self.count_end(end)
            self.server.queues.remove(queue)

    def count_end(self, end: asyncio.Future) -> None:
        """Notes a stream that the client has ended in the manner that is broken."""
        if not end.done():
            end.cancel()
        elif not end.cancelled():
            was_reset = end.exception() is not None
            if self.is_broken("closed-by-rst") and was_reset:
                self.server.loop.call_soon(self.server.stopped.set)
            if self.is_broken("closed-by-fin", "half-closed") and not was_reset:
                self.server.aborted += 1

    def head(self, status: int) -> bytes:
        given = {
            "Content-Type": "text/event-stream; charset=utf-8",
            "Cache-Control": "no-cache, no-transform",
            "X-Accel-Buffering": "no",
            "Transfer-Encoding": "chunked" if self.chunked else "",
            "Connection": "" if self.chunked else "close",
        }
        given |= self.cors()
        gzipped = "gzip" in self.headers.get("accept-encoding", "")
        if gzipped:
            given["Content-Encoding"] = "gzip"
            self.compressor = zlib.compressobj(wbits=31)
        changes = {
            "content-type": {"Content-Type": "text/plain"},
            "charset": {"Content-Type": "text/event-stream; charset=latin-1"},
            "cache-control": {"Cache-Control": "no-transform"},
            "no-transform": {"Cache-Control": "no-cache"},
            "no-buffering": {"X-Accel-Buffering": ""},
            "identity": {"Content-Encoding": "gzip"},
            "framing": {"Transfer-Encoding": "", "Content-Length": "99999999"},
        }
        given |= changes.get(self.broken, {})
        if self.is_broken("framing"):
            self.chunked = False
        lines = [f"{name}: {value}\r\n" for name, value in given.items() if value]
        return f"HTTP/1.1 {status} OK\r\n{''.join(lines)}\r\n".encode()

    def cors(self) -> dict[str, str]:
        origin = self.headers.get("origin", "")
        if self.is_broken("cors-star"):
            return {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Credentials": "true"}
        if origin and (origin == FRIEND or self.is_broken("cors-stranger")) and not self.is_broken("cors-allowed"):
            vary = "" if self.is_broken("cors-vary") else "Origin"
            return {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true", "Vary": vary}
        return {}

    def write(self, content: bytes) -> None:
        if self.compressor:
            content = self.compressor.compress(content)
            if not self.is_broken("gzip"):
                content += self.compressor.flush(zlib.Z_SYNC_FLUSH)
        if content:
            self.writer.write(b"%x\r\n%b\r\n" % (len(content), content) if self.chunked else content)

    async def stream(self, cursor: str, queue: asyncio.Queue, end: asyncio.Future) -> None:
        if self.is_broken("opens-at-once"):
            await queue.get()
        self.writer.write(self.head(200))
        self.write(self.opening())
        position = len(self.server.log)
        if cursor.isdecimal() and len(cursor) < 10:
            position = self.resume(int(cursor))
        while not end.done():
            waiting = asyncio.ensure_future(queue.get())
            await asyncio.wait({waiting, end}, timeout=0.3, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                number, data = waiting.result()
                position = self.deliver(number, data, position)
            else:
                waiting.cancel()
                if not self.is_broken("signs-of-life"):
                    self.write(b": ping\n\n")
            # A reader that does not read is dropped.
            if self.writer.transport.get_write_buffer_size() > 500_000:
                if not self.is_broken("slow-reader"):
                    self.writer.transport.abort()
                    return
                self.server.stalled = True

    def deliver(self, number: int, data: str, position: int) -> int:
        """Writes an event; returns the position reached."""
        if self.is_broken("delivery"):
            return position
        if self.is_broken("order") and number % 3 == 0 and "." in data:
            self.write(self.encode(number, data))
        if self.is_broken("resume-and-live") and self.headers.get("last-event-id") and number % 2:
            return number
        if number > position or self.is_broken("cursor-before-the-log"):
            if not (self.is_broken("cursor-before-the-log") and self.headers.get("last-event-id") == "0"):
                self.write(self.encode(number, data))
            return max(number, position)
        return position

    def opening(self) -> bytes:
        return {
            "retry-digits": b"retry: 3s\n\n",
            "retry-given": b"",
            "known-fields": b"retry: 3000\nid: 0\nevnt: x\n\n",
            "one-of-each": b"retry: 3000\nretry: 4000\n\n",
            "event-has-data": b"retry: 3000\nevent: hello\n\n",
            "id-without-nul": b"retry: 3000\nid: 1\0\n\n",
            "id-fits-a-header": b"retry: 3000\nid: a\tb \x01\n\n",
            "no-empty-id": b"retry: 3000\nid\n\n",
            "utf-8": b"retry: 3000\n: caf\xe9\n\n",
            "byte-order-mark": b"\xef\xbb\xbf\xef\xbb\xbfretry: 3000\n\n",
        }.get(self.broken, b"\xef\xbb\xbfretry: 3000\n\n")

    def resume(self, cursor: int) -> int:
        """Writes what was missed; returns the position reached."""
        log = self.server.log
        if cursor > len(log):
            if self.is_broken("cursor-of-the-future"):
                return cursor
            self.write(b"event: reset\ndata: {}\n\n")
            return len(log)
        if self.is_broken("resume"):
            return len(log)
        first = cursor - 1 if self.is_broken("resume-at-every-byte") and cursor > 1 else cursor
        if not (self.is_broken("cursor-before-the-log") and cursor == 0):
            for number, data in log[first:]:
                self.write(self.encode(number, data))
        return len(log)

    def encode(self, number: int, data: str) -> bytes:
        ends = "\r\n|\r|\n"
        if self.is_broken("data-of-lines", "no-forged-events"):
            ends = "$."
        elif self.is_broken("data-with-cr", "data-with-crlf"):
            ends = "\n"
        elif self.is_broken("data-with-colons"):
            data = "\n".join(line for line in data.split("\n") if not line.startswith(":"))
        elif self.is_broken("data-of-12-kb"):
            data = data[:8000]
        if self.is_broken("data-with-crlf"):
            data = data.replace("\r\n", "\r")
        space = "" if self.is_broken("data-with-spaces") else " "
        lines = re.split(ends, data)
        text = "".join(f"data:{space}{line}\n" for line in lines)
        if self.is_broken("ids"):
            return f"{text}\n".encode()
        content = f"id: {number}\n{text}\n"
        if self.is_broken("data-of-all-languages"):
            return content.encode("ascii", "replace")
        return content.encode()
