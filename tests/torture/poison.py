"""Rows that log.append() would refuse, written past it as raw SQL or another release would write them."""

import json
import random
from typing import NamedTuple

from django.db import connection
from django.utils import timezone

from notifications.log.control import control_channel

# By their keys the verdict knows them: readers may receive them or pass over them.
POISON = "poison:"


class Row(NamedTuple):
    """What one sort of row holds. data: as JSON text, since Python's encoder would refuse some of it."""

    kind: str
    data: str = "{}"
    url: str = ""


ROWS = [
    Row("order.placed", '{"a": ' + "[" * 900 + "]" * 900 + "}"),
    Row("order.placed", '{"a": ' + "9" * 5000 + "}"),
    Row("order.placed", "[1, 2]"),
    Row("post.published", "7"),
    Row("post.published", "null"),
    Row("gone.kind"),
    Row("a\nevent: order.paid\ndata: {}"),
    Row("order.placed", url="javascript:alert(1)"),
]
# PostgreSQL refuses these itself.
ONLY_SQLITE = [Row("order.placed", r'{"number": "\ud800"}'), Row("order.placed", r'{"number": "\u0000"}')]
# More than append() takes. For one reader: no connection that drops early gets past it at once.
LONG = Row("order.placed", json.dumps({"a": "x" * 60_000}))
CONTROLS = [
    Row("control.subscribed"),
    Row("control.subscribed", '{"channel": "x:1", "since": "soon"}'),
    Row("control.unsubscribed", "[]"),
    Row("control.silenced", '{"kinds": 7}'),
    Row("control.session_ended", "7"),
    Row("control.of_the_future"),
]


def insert_poison(chance: random.Random, author: int, reader: int) -> None:
    """Writes one such row, to the readers of an author, to one reader, or to the streams of one reader."""
    rows = ROWS + (ONLY_SQLITE if connection.vendor == "sqlite" else [])
    where = chance.random()
    if where < 0.4:
        channel, row = f"author:{author}", chance.choice(rows)
    elif where < 0.8:
        channel, row = f"user:{reader}", chance.choice([*rows, LONG])
    else:
        channel, row = control_channel(reader), chance.choice(CONTROLS)
    key = f"{POISON}{chance.randrange(10**12)}"
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO notifications_event (channel, kind, data, url, key, created_at) VALUES (%s, %s, %s, %s, %s, %s)",
            [channel, *row, key, timezone.now()],
        )
