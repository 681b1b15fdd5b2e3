"""A proxy that fails the way proxies and networks do: it answers 502, goes silent, or drops what is open."""

import asyncio
import re
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

BAD_GATEWAY = (
    b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 3\r\nConnection: close\r\n\r\n502"
)
REQUEST = re.compile(rb"^(?:GET|POST|PUT|HEAD) (\S+) HTTP/1\.1\r$", re.MULTILINE)

# Of an answer in chunks, as streams are.
END_OF_STREAM = b"0\r\n\r\n"


class Connection:
    """One client's connection; `path` is that of the last request on it."""

    def __init__(self, writer: asyncio.StreamWriter):
        self.writer = writer
        self.path = ""
        self.silent = False


class Proxy:
    """Forwards to a port of this machine, from a thread of its own."""

    def __init__(self, target: int):
        self.target = target
        self.failing = False
        """Whether every request gets a 502."""
        self.requests: list[str] = []
        """The paths of all requests so far."""
        self._open: set[Connection] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    def streams(self) -> int:
        """How many streams of people, not of payments, are open now."""
        return sum(each.path.startswith("/events/") and not each.silent for each in list(self._open))

    def go_silent(self) -> None:
        """Streams that are open now stay open and carry nothing more; new ones work."""
        for connection in list(self._open):
            connection.silent = connection.path.startswith("/events/")

    def fail(self) -> None:
        """Drops what is open and answers 502 from now on."""
        self.failing = True
        self._loop.call_soon_threadsafe(self._drop)

    def recover(self) -> None:
        self.failing = False

    def _drop(self) -> None:
        for connection in self._open:
            connection.writer.close()

    def close(self) -> None:
        async def end() -> None:
            self._server.close()
            self._drop()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self._run(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(writer)
        self._open.add(connection)
        upstream: asyncio.StreamWriter | None = None
        try:
            if not self.failing:
                answers, upstream = await asyncio.open_connection("127.0.0.1", self.target)
                forward = [self._upwards(reader, upstream, connection), self._downwards(answers, connection)]
                tasks = [asyncio.create_task(each) for each in forward]
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    task.cancel()
            elif self._note(await reader.read(65536), connection):
                writer.write(BAD_GATEWAY)
                await writer.drain()
        except OSError:
            pass
        finally:
            self._open.discard(connection)
            for each in (writer, upstream):
                if each is not None:
                    with suppress(OSError, RuntimeError):
                        each.close()

    def _note(self, chunk: bytes, of: Connection) -> bool:
        for found in REQUEST.finditer(chunk):
            of.path = found[1].decode()
            self.requests.append(of.path)
        return bool(chunk)

    async def _upwards(self, reader: asyncio.StreamReader, upstream: asyncio.StreamWriter, of: Connection) -> None:
        while chunk := await reader.read(65536):
            self._note(chunk, of)
            if self.failing:
                of.writer.write(BAD_GATEWAY)
                return
            if not of.silent:
                upstream.write(chunk)
                await upstream.drain()

    async def _downwards(self, answers: asyncio.StreamReader, of: Connection) -> None:
        while chunk := await answers.read(65536):
            if chunk.endswith(END_OF_STREAM) or chunk.startswith(b"HTTP/1.1 204 "):
                # The connection may be kept, but the stream is over.
                of.path = ""
            if not of.silent:
                of.writer.write(chunk)
                await of.writer.drain()
