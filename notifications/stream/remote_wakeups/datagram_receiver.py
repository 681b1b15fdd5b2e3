"""Receives wake-ups as datagrams, beside the database file of SQLite."""

import asyncio
import json
from pathlib import Path

from notifications.log import datagrams, wakeups
from notifications.log.alias import database
from notifications.stream.remote_wakeups.arrivals import Arrivals

# Seconds between two looks whether the socket is still there, and before another attempt to make it.
LOOK_SECONDS = 2.0
# A queue that held so many datagrams may have had no room for another: Linux gives it room for ten at the least.
MANY = 4


async def receive_datagrams(arrivals: Arrivals) -> None:
    """Receives until it is cancelled."""
    folder = datagrams.folder_of(database())
    assert folder is not None
    file = Path(str(folder).removesuffix(datagrams.SUFFIX))
    while True:
        try:
            mailbox = datagrams.Mailbox(folder, file)
        except OSError as error:
            arrivals.fail(error)
        else:
            await _receive(mailbox, arrivals)
        await asyncio.sleep(LOOK_SECONDS)


async def _receive(mailbox: datagrams.Mailbox, arrivals: Arrivals) -> None:
    """Returns when somebody has removed the socket."""
    loop = asyncio.get_running_loop()
    loop.add_reader(mailbox.socket, _take_all, mailbox, arrivals)
    wakeups.receive_at(mailbox.path)
    try:
        arrivals.begin()
        while mailbox.path.exists():  # noqa: ASYNC110  one look at a local file
            await asyncio.sleep(LOOK_SECONDS)
        arrivals.fail("the socket was removed")
    finally:
        wakeups.receive_at(None)
        loop.remove_reader(mailbox.socket)
        mailbox.close()


def _take_all(mailbox: datagrams.Mailbox, arrivals: Arrivals) -> None:
    messages = mailbox.read()
    for message in messages:
        try:
            fields = json.loads(message)
        except (ValueError, RecursionError):
            fields = {}
        arrivals.take(wakeups.unpacked(fields))
    if messages:
        arrivals.do_arrive = True
    if len(messages) >= MANY:
        arrivals.look()
