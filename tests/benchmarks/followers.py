"""One post to few and to very many followers: the same time and the same rows."""

import json
import statistics

from .errors import BenchmarkError
from .measures import AnySite, Visit, Visitor
from .sites import Site

# Making a million followers is most of it.
SECONDS = 900


def followers(visitor: Visitor, site: AnySite, visit: Visit) -> None:
    """The time from saving a post until its event can be delivered, the followers' posts taking turns."""
    assert isinstance(site, Site)
    aside = site.aside("followers")
    aside.migrate()
    few, some, most = sizes = visitor.scale.followers
    repeats = visitor.scale.posts
    lines = aside.run(["-m", f"{__package__}.following", str(repeats), *map(str, sizes)], seconds=SECONDS).splitlines()
    *made, posts = (json.loads(line) for line in lines)
    # The first post, of which the rows are counted, is one more.
    if any(unread != repeats + 1 for unread in posts["unread"].values()):
        raise BenchmarkError(f"{site.label}: {repeats + 1} posts of each author, found unread: {posts['unread']}")
    took = {int(size): statistics.median(times) for size, times in posts["took_ms"].items()}
    rows = {int(size): count for size, count in posts["rows"].items()}
    visit.figures |= {
        "post_few_ms": took[few],
        "post_some_ms": took[some],
        "post_most_ms": took[most],
        "post_ratio": took[most] / took[few],
        "post_rows": rows[few],
        "post_rows_ratio": rows[most] / rows[few],
        "followers_seconds": made[-1]["seconds"],
    }
