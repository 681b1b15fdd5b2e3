"""Runs rows one after another, each within its time."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from notifications.testing.conformance import (  # noqa: F401  importing them registers their rows
    rows_cors,
    rows_data,
    rows_delivery,
    rows_ends,
    rows_format,
    rows_head,
    rows_http,
    rows_http2,
    rows_resume,
)
from notifications.testing.conformance.registry import ROWS, Row, RowFailed, RowSkipped
from notifications.testing.conformance.target import Target

# In the order in which a server is looked at.
SUBJECTS = ("head", "format", "data", "delivery", "resume", "http", "http2", "ends", "cors")
# Seconds in which a server may notice that the streams of a row were closed, before the next row.
BETWEEN = 0.05
Verdict = Literal["pass", "fail", "skip"]


@dataclass(frozen=True)
class RowResult:
    """What became of a row; `reason` is a remark where it passed."""

    row: Row
    verdict: Verdict
    reason: str
    seconds: float


def chosen_rows(names: Iterable[str] = ()) -> list[Row]:
    """Returns the rows with these names, or all of them; raises ValueError for a name that no row has."""
    wanted = list(names)
    if unknown := [name for name in wanted if name not in ROWS]:
        raise ValueError(f"there is no row {unknown[0]}")
    found = [row for name, row in ROWS.items() if name in wanted or not wanted]
    return sorted(found, key=lambda row: SUBJECTS.index(row.subject))


async def try_row(row: Row, target: Target) -> RowResult:
    """Runs one row, and drops what it has left open."""
    begun = time.monotonic()
    verdict: Verdict = "pass"
    try:
        async with asyncio.timeout(row.seconds + target.seconds + target.ping_seconds):
            reason = await row.attempt(target) or ""
    except RowSkipped as skipped:
        verdict, reason = "skip", str(skipped)
    except RowFailed as failed:
        verdict, reason = "fail", str(failed)
    except TimeoutError:
        verdict, reason = "fail", "no answer in time"
    except (OSError, EOFError) as error:
        verdict, reason = "fail", f"the connection was lost: {error}"
    finally:
        target.close()
    await asyncio.sleep(BETWEEN)
    return RowResult(row, verdict, reason, time.monotonic() - begun)


async def try_rows(rows: Iterable[Row], target: Target, tell: Callable[[RowResult], None]) -> list[RowResult]:
    """Runs the rows in their order. tell: called with each result."""
    results = []
    for row in rows:
        results.append(await try_row(row, target))
        tell(results[-1])
    return results
