"""Shows results: as a table for people, as JSON, and as JUnit XML for continuous integration."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree as ET

from notifications.testing.conformance.runner import RowResult, Verdict


def as_table(results: Sequence[RowResult]) -> str:
    """Returns one line for each row, and a line with the sums; failures have a second line, with what a user notices."""
    width = max((len(result.row.name) for result in results), default=0)
    lines = []
    for result in results:
        line = f"{result.verdict:<4}  {result.row.level:<6}  {result.row.name:<{width}}  {result.reason}"
        lines.append(line.rstrip())
        if result.verdict == "fail":
            lines += [f"{'':14}{'':{width}}  {result.row.notice}", f"{'':14}{'':{width}}  {result.row.citation}"]
    counted = Counter(result.verdict for result in results)
    lines.append(", ".join(f"{counted[verdict]} {word}" for verdict, word in WORDS.items()))
    return "\n".join(lines) + "\n"


WORDS: dict[Verdict, str] = {"pass": "passed", "fail": "failed", "skip": "skipped"}


def as_documents(results: Sequence[RowResult]) -> list[dict[str, Any]]:
    """Returns one object of JSON for each row: name, level, citation, notice, verdict, reason, and seconds that it took."""
    return [
        {
            "name": result.row.name,
            "level": result.row.level,
            "citation": result.row.citation,
            "notice": result.row.notice,
            "verdict": result.verdict,
            "reason": result.reason,
            "seconds": round(result.seconds, 3),
        }
        for result in results
    ]


def as_json(results: Sequence[RowResult], url: str) -> str:
    return json.dumps({"url": url, "rows": as_documents(results)}, indent=2, ensure_ascii=False) + "\n"


def as_junit(results: Sequence[RowResult], url: str) -> str:
    """Returns JUnit XML: one test case for each row, with its level as the name of its class."""
    counted = Counter(result.verdict for result in results)
    suite = ET.Element(
        "testsuite",
        name=f"conformance of {url}",
        tests=str(len(results)),
        failures=str(counted["fail"]),
        skipped=str(counted["skip"]),
        errors="0",
        time=f"{sum(result.seconds for result in results):.3f}",
    )
    for result in results:
        case = ET.SubElement(
            suite, "testcase", classname=result.row.level, name=result.row.name, time=f"{result.seconds:.3f}"
        )
        if result.verdict == "fail":
            failure = ET.SubElement(case, "failure", message=printable(result.reason))
            failure.text = f"{result.row.notice}\n{result.row.citation}"
        elif result.verdict == "skip":
            ET.SubElement(case, "skipped", message=printable(result.reason))
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def printable(text: str) -> str:
    """Returns the text with escapes for the control characters that XML has no way to write."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
