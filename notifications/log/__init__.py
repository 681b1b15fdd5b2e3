"""The log: every event is one row, written in the transaction that causes it, and read by its position.

An event is appended (`writer`), gets its position after the commit (`sequencer`, `numbering`), is announced to the tails of all
processes (`wakeups`), is read by position (`reader`), may be retracted (`retraction`), and is deleted when it is old (`pruner`). `control`
names the channels whose events change open streams instead of being delivered, `alias` the database of all this.

Invariants, each with a test (docs/design.md):
- Positions have no gaps and never change.
- Positions become visible in their own order: a reader that has seen position n never finds one below n later.
- A transaction that is rolled back leaves no trace.
- No reader shows a retracted event; every stream that has delivered it receives its position later in the log.

May import: notifications.models, metrics, kinds, conf.
"""

from notifications.log.alias import database
from notifications.log.pruner import prune
from notifications.log.reader import Bounds, bounds, head, read
from notifications.log.retraction import RETRACTED, retract
from notifications.log.sequencer import is_sequenced, sequence
from notifications.log.writer import append, append_all

__all__ = [
    "RETRACTED",
    "Bounds",
    "append",
    "append_all",
    "bounds",
    "database",
    "head",
    "is_sequenced",
    "prune",
    "read",
    "retract",
    "sequence",
]
