"""Cursors: positions together with the epoch of the log in which they were given.

A database that is restored from a backup gives positions a second time, to other events. So the log has an epoch, which changes
with a restore. Ids on streams are `epoch-position`; a cursor of another epoch is outside of the log, whatever its position.
"""

import re
from typing import NamedTuple

from django.db.models import Max

from notifications.log.alias import database
from notifications.models import Event, Head, new_epoch
from notifications.sanitizing import parse_position

# Longer than any epoch of this release: the next one may have longer ones, and a client of it needs `reset`, not an error.
CURSOR = re.compile(r"(?:([a-z0-9]{1,32})-)?([0-9]+)", re.ASCII)


class Cursor(NamedTuple):
    """The position up to which a reader has everything. epoch: empty for a bare number, the id of the release before."""

    position: int
    epoch: str = ""


class Bounds(NamedTuple):
    """Positions of the log: every event after `horizon` and up to `head` can be read. epoch: empty if there is no log yet."""

    head: int
    horizon: int
    epoch: str = ""

    def has_epoch_of(self, cursor: Cursor) -> bool:
        """Whether the cursor's position was given by this log. Of a bare number that is not known, and supposed."""
        return cursor.epoch in ("", self.epoch)

    def has(self, cursor: Cursor) -> bool:
        """Whether everything after the cursor can be read."""
        return self.has_epoch_of(cursor) and self.horizon <= cursor.position <= self.head


def cursor_id(epoch: str, position: int) -> str:
    """Returns the id of an event, which is also the cursor of a client that has everything up to it."""
    return f"{epoch}-{position}" if epoch else str(position)


def parse_cursor(text: str) -> Cursor:
    """Reads an id: `epoch-position`, or a bare position; raises ValueError for anything else."""
    match = CURSOR.fullmatch(text)
    if match is None:
        raise ValueError("a cursor is an epoch and a position (k3v9x0ab-1042), or a position alone")
    return Cursor(parse_position(match[2]), match[1] or "")


def bounds() -> Bounds:
    """Returns the log's bounds; those of an empty log are 0."""
    row = Head.objects.using(database()).filter(pk=Head.ID).values_list("position", "horizon", "epoch").first()
    return Bounds(*row) if row else Bounds(0, 0)


def begin() -> Bounds:
    """Returns the log's bounds; makes the row of the head, and with it an epoch, where there is none."""
    found = bounds()
    if not found.epoch:
        make_head(database())
        found = bounds()
    return found


def make_head(alias: str) -> None:
    """Makes the row of the head where it is missing, with the last position of the log: no position is given twice."""
    last = Event.objects.using(alias).aggregate(last=Max("position"))["last"] or 0
    Head.objects.using(alias).get_or_create(pk=Head.ID, defaults={"position": last})


def renew_epoch(old: str) -> Bounds:
    """Gives the log a new epoch in place of `old`, and returns its bounds.

    Of several processes that do it at the same time one succeeds; all get the same result. Every reader is answered with `reset`.
    """
    Head.objects.using(database()).filter(pk=Head.ID, epoch=old).update(epoch=new_epoch())
    return bounds()
