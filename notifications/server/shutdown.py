"""Ends streams when another server than `serve` is told to end.

uvicorn, gunicorn with its worker, and granian wait at SIGTERM until all responses have ended, and ASGI tells the application
(lifespan.shutdown) only afterwards: with one open stream they would wait for ever (trap 28). So the application's start puts a
signal handler before the server's own. hypercorn's workers get no signal; it cancels its streams after its graceful time.
"""

import asyncio
import gc
import logging
import signal
import threading
from types import FrameType
from typing import Any

from notifications.stream import runtime
from notifications.stream.hub import get_hub

logger = logging.getLogger(__name__)

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Lifespan:
    """ASGI application for the lifespan of a server process (ASGI specification, "Lifespan Protocol")."""

    async def __call__(self, _scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Follows the server from its start to its end."""
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                prepare_process(asyncio.get_running_loop())
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                end_streams()
                await runtime.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return


def prepare_process(loop: asyncio.AbstractEventLoop) -> None:
    """Prepares this process to serve: signals, and the garbage collector as in `serve`."""
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            chain(number, loop)
    gc.collect()
    gc.freeze()


def chain(number: signal.Signals, loop: asyncio.AbstractEventLoop) -> None:
    """Has a signal end the streams, and then do what the server does with it. A signal without a handler is left alone.

    A handler that the server has added to the loop is called as before: the loop learns of a signal by its wake-up descriptor.
    """
    previous = signal.getsignal(number)
    if not callable(previous):
        return

    def handle(signum: int, frame: FrameType | None) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(end_streams)
        previous(signum, frame)

    signal.signal(number, handle)
    # As the loop's own handlers have it: a signal interrupts no system call.
    signal.siginterrupt(number, False)  # noqa: FBT003  it takes no keyword


def end_streams() -> None:
    """Asks every stream to end, and lets no further one in."""
    hub = get_hub()
    if hub.streams:
        logger.info("the server ends: %d streams are asked to come back", len(hub.streams))
    hub.drain()
