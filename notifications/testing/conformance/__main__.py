"""`python -m notifications.testing.conformance URL`: asks a server of Server-Sent Events for what the standards ask."""

import argparse
import asyncio
import ssl
import sys
from pathlib import Path

from tqdm import tqdm

from notifications.testing.conformance.registry import ROWS
from notifications.testing.conformance.report import as_json, as_junit, as_table
from notifications.testing.conformance.runner import RowResult, chosen_rows, try_rows
from notifications.testing.conformance.target import HOUSEKEEPING, Target

LEVELS = ("must", "should", "extra")
PASSED, FAILED, MISUSED = 0, 1, 2


def parser_of_arguments() -> argparse.ArgumentParser:
    """Returns the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m notifications.testing.conformance", description=__doc__)
    add = parser.add_argument
    add("url", nargs="?", help="the address of a stream")
    add("--cookie", default="", help="the Cookie header of the reader")
    add(
        "--publish",
        default="",
        help="an address that takes POST with the data, or a command in which {data} stands for it",
    )
    add("--last-event-id", default="", help="an id from before the log")
    add("--origin", default="", help="an origin whose pages may read the stream with cookies")
    add("--terminal", default="", help="the address of a stream that has ended")
    add("--pid", type=int, help="the process that holds the connections, for counting its descriptors")
    add(
        "--connections",
        type=int,
        default=1000,
        help="how many to open at the same time (default: 1000; on loopback alone)",
    )
    add("--flood-kb", type=int, default=4800, help="KB for a reader that does not read (default: 4800)")
    add("--seconds", type=float, default=5, help="to wait for an answer or an event (default: 5)")
    add("--ping-seconds", type=float, default=30, help="to wait for a sign of life (default: 30)")
    add("--housekeeping", default=",".join(sorted(HOUSEKEEPING)), help="names of events that nobody published")
    add("--insecure", action="store_true", help="trust any certificate")
    add(
        "--row",
        action="append",
        default=[],
        choices=sorted(ROWS),
        metavar="NAME",
        help="this row alone; may be repeated",
    )
    add("--level", choices=LEVELS, default="should", help="the lowest level whose failures count for the exit code")
    add("--list", action="store_true", help="show the rows, and run none")
    add("--json", type=Path, metavar="FILE", help="write the results as JSON")
    add("--junit", type=Path, metavar="FILE", help="write the results as JUnit XML")
    return parser


def target_of(options: argparse.Namespace) -> Target:
    """Returns the server under test that the command line names."""
    context = ssl.create_default_context()
    if options.insecure:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return Target(
        options.url,
        cookie=options.cookie,
        publish=options.publish,
        last_event_id=options.last_event_id,
        origin=options.origin,
        terminal=options.terminal,
        pid=options.pid,
        connections=options.connections,
        flood_kb=options.flood_kb,
        seconds=options.seconds,
        ping_seconds=options.ping_seconds,
        housekeeping=frozenset(filter(None, options.housekeeping.split(","))),
        context=context,
    )


def exit_code(results: list[RowResult], level: str) -> int:
    """Returns 1 if a row of this level or of a stricter one failed, otherwise 0."""
    counted = LEVELS[: LEVELS.index(level) + 1]
    return FAILED if any(result.verdict == "fail" and result.row.level in counted for result in results) else PASSED


def run_command(arguments: list[str] | None = None) -> int:
    """Runs the suite; returns the exit code: 0 passed, 1 failed, 2 wrong arguments (by argparse)."""
    parser = parser_of_arguments()
    options = parser.parse_args(arguments)
    rows = chosen_rows(options.row)
    if options.list:
        sys.stdout.writelines(f"{row.level:<6}  {row.name}  {row.citation}\n        {row.notice}\n" for row in rows)
        return PASSED
    if not (options.url or "").startswith(("http://", "https://")):
        parser.error("URL is an address with http:// or https://")
    if not is_loopback(options.url) and "--connections" not in " ".join(arguments or sys.argv[1:]):
        # Another machine is not put under load unasked.
        options.connections = 20
    with tqdm(total=len(rows), unit="row", file=sys.stderr, disable=None) as bar:

        def tell(result: RowResult) -> None:
            bar.update()
            bar.set_postfix_str(result.row.name)

        results = asyncio.run(try_rows(rows, target_of(options), tell))
    sys.stdout.write(as_table(results))
    if options.json:
        options.json.write_text(as_json(results, options.url), encoding="utf-8")
    if options.junit:
        options.junit.write_text(as_junit(results, options.url), encoding="utf-8")
    return exit_code(results, options.level)


def is_loopback(url: str) -> bool:
    return url.split("//", 1)[1].split("/", maxsplit=1)[0].rsplit(":", 1)[0] in ("127.0.0.1", "localhost", "[::1]")


if __name__ == "__main__":
    sys.exit(run_command())
