"""A signal ends the streams before the server's own handler: chaining, without a server."""

import asyncio
import signal

import pytest

from notifications.server import shutdown
from notifications.stream.hub import get_hub
from notifications.stream.listener import StreamListener


@pytest.fixture
def usual():
    """The handler of SIGUSR1 before and after."""
    before = signal.getsignal(signal.SIGUSR1)
    yield
    signal.signal(signal.SIGUSR1, before)
    get_hub().draining = False


@pytest.mark.parametrize("of_loop", [False, True], ids=["signal.signal", "loop.add_signal_handler"])
@pytest.mark.usefixtures("usual")
def test_streams_are_ended_and_the_servers_handler_is_called(of_loop):
    seen = []

    async def test():
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def servers(*_arguments):
            seen.append(signal.SIGUSR1)
            loop.call_soon_threadsafe(ended.set)

        if of_loop:
            loop.add_signal_handler(signal.SIGUSR1, servers)
        else:
            signal.signal(signal.SIGUSR1, servers)
        shutdown.chain(signal.SIGUSR1, loop)
        listener = StreamListener(1, "", {})
        get_hub().add_listener(listener)
        try:
            signal.raise_signal(signal.SIGUSR1)
            async with asyncio.timeout(5):
                await ended.wait()
                await listener.aevent.wait()
        finally:
            get_hub().remove_listener(listener)
        assert listener.ending
        assert get_hub().draining

    asyncio.run(test())
    assert seen == [signal.SIGUSR1]


@pytest.mark.parametrize("default", [signal.SIG_DFL, signal.SIG_IGN])
@pytest.mark.usefixtures("usual")
def test_a_signal_without_a_handler_is_left_alone(default):
    signal.signal(signal.SIGUSR1, default)
    loop = asyncio.new_event_loop()
    shutdown.chain(signal.SIGUSR1, loop)
    loop.close()
    assert signal.getsignal(signal.SIGUSR1) is default
