"""The log: every event is one row, written in the transaction that causes it, and read by its position.

An event is appended (`writer`), gets its position after the commit (`sequencer`, `numbering`), is announced to the tails of all
processes (`wakeups`), is read by position (`reader`, `cursors`), may be retracted (`retraction`), and is deleted when it is old
(`pruner`). `control` names the channels whose events change open streams instead of being delivered, `alias` the database of all this.

Invariants, each with a test (docs/design.md):
- Positions have no gaps and never change.
- Positions become visible in their own order: a reader that has seen position n never finds one below n later.
- A transaction that is rolled back leaves no trace.
- A cursor of another epoch of the log (`cursors`) is never taken for one of this.
- No reader shows a retracted event; every stream that has delivered it receives its position later in the log.

May import: notifications.models, metrics, kinds, conf.
"""

from notifications.log.alias import database
from notifications.log.cursors import Bounds, Cursor, begin, bounds, cursor_id, parse_cursor, renew_epoch
from notifications.log.pruner import prune
from notifications.log.reader import head, read
from notifications.log.retraction import RETRACTED, retract
from notifications.log.sequencer import is_sequenced, sequence
from notifications.log.writer import aappend, aappend_all, append, append_all

__all__ = [
    "RETRACTED",
    "Bounds",
    "Cursor",
    "aappend",
    "aappend_all",
    "append",
    "append_all",
    "begin",
    "bounds",
    "cursor_id",
    "database",
    "head",
    "is_sequenced",
    "parse_cursor",
    "prune",
    "read",
    "renew_epoch",
    "retract",
    "sequence",
]
