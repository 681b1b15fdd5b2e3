"""The inbox of people who follow very many authors, over a long log."""

import json
from dataclasses import replace

from .errors import BenchmarkError
from .measures import AnySite, Visit, Visitor
from .sites import Site

SECONDS = 600


def inbox(visitor: Visitor, site: AnySite, visit: Visit) -> None:
    """A page and the unread count, with much unread and with little; the slower of the two."""
    assert isinstance(site, Site)
    aside = site.aside("inbox")
    # Pages with DEBUG off need collected static files; the program turns it off once it has read the settings.
    aside = replace(aside, variables={**aside.variables, "DEBUG": "1"})
    aside.migrate()
    arguments = ["-m", f"{__package__}.longlog", str(visitor.scale.log), str(visitor.scale.looks)]
    answer = json.loads(aside.run(arguments, seconds=SECONDS).splitlines()[-1])
    looked = {name: events for name, (events, whole) in answer["looked"].items() if whole}
    if looked.keys() - {"everything"}:
        raise BenchmarkError(f"{site.label}: the inbox reads the whole log: {looked}")
    took = answer["took_ms"]
    for name in ("busy", "quiet"):
        for measure in ("page", "count", "whole"):
            visit.figures[f"inbox_{name}_{measure}_ms"] = max(
                took[f"{name}: {measure}"], took[f"{name}, most read: {measure}"]
            )
    visit.figures["inbox_queries"] = max(answer["queries"]["busy"], answer["queries"]["busy, most read"])
