"""Receives wake-ups by LISTEN on PostgreSQL, on one connection of its own."""

import asyncio
from typing import Any

from asgiref.sync import sync_to_async
from django.db import DatabaseError, connections

from notifications.log import wakeups
from notifications.log.alias import database
from notifications.log.numbering import NOTIFY_CHANNEL, notify_others
from notifications.log.wakeups import Sequenced
from notifications.stream.remote_wakeups.arrivals import Arrivals

# Seconds between two tests whether what the site sends on its ordinary connections arrives here.
TEST_SECONDS = 15.0
# Seconds within which the first test must have arrived.
TEST_PATIENCE = 2.0
# The head of a test: no event has this position.
TEST = 0
# Seconds before another attempt to connect.
RECONNECT_SECONDS = 2.0
# Seconds that connecting may take.
CONNECT_SECONDS = 5


async def receive_notifications(arrivals: Arrivals) -> None:
    """Receives until it is cancelled."""
    try:
        import psycopg
    except ImportError:
        arrivals.fail("LISTEN needs psycopg 3")
        await asyncio.Event().wait()
    while True:
        try:
            await _listen(arrivals)
        except (psycopg.Error, DatabaseError, OSError, TimeoutError) as error:
            arrivals.fail(error)
        await asyncio.sleep(RECONNECT_SECONDS)


async def _listen(arrivals: Arrivals) -> None:
    """Listens on one connection until that fails."""
    import psycopg
    from psycopg import sql

    alias = database()
    async with await psycopg.AsyncConnection.connect(**parameters_of(alias)) as connection:
        cursor = await connection.execute(f"SELECT {NOTIFY_CHANNEL}")
        [channel] = await cursor.fetchone() or [""]
        await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
        patience = TEST_PATIENCE
        while True:
            # From an ordinary connection: a pooler that hands connections on by the transaction swallows LISTEN.
            await sync_to_async(_send_test, thread_sensitive=False)(alias)
            heard = False
            async for notification in connection.notifies(timeout=patience):
                sequenced, sender = read_payload(notification.payload)
                if not heard:
                    heard = True
                    arrivals.begin()
                if sequenced.head != TEST and sender != wakeups.sender():
                    arrivals.take(sequenced)
            if not heard and patience == TEST_PATIENCE:
                arrivals.fail("a pooler between this process and PostgreSQL swallows LISTEN and NOTIFY")
            elif not heard:
                raise TimeoutError("no notification arrives any more")
            patience = TEST_SECONDS


def parameters_of(alias: str) -> dict[str, Any]:
    """Returns the parameters of a connection of psycopg to this database, outside of Django's pool."""
    parameters = connections[alias].get_connection_params()
    # Those are of Django's own cursors, and of a connection that is not async.
    parameters = {name: value for name, value in parameters.items() if name not in ("cursor_factory", "context")}
    return {"connect_timeout": CONNECT_SECONDS, "autocommit": True, **parameters}


def _send_test(alias: str) -> None:
    try:
        notify_others(connections[alias], TEST, "", wakeups.sender())
    finally:
        connections[alias].close()


def is_notify_heard(alias: str) -> bool:
    """Whether what is sent on an ordinary connection of this site arrives on one that listens."""
    import psycopg
    from psycopg import sql

    with psycopg.connect(**parameters_of(alias)) as listener:
        [channel] = listener.execute(f"SELECT {NOTIFY_CHANNEL}").fetchone() or [""]
        listener.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
        notify_others(connections[alias], TEST, "", wakeups.sender())
        return bool(list(listener.notifies(timeout=TEST_PATIENCE, stop_after=1)))


def read_payload(text: str) -> tuple[Sequenced, str]:
    """Returns the head and the sender of a notification; never raises: whoever has the database's password may notify."""
    head, epoch, sender = [*text.split(" "), "", ""][:3]
    return wakeups.unpacked({"position": head, "epoch": epoch}), sender
