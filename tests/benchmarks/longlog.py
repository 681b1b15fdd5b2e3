"""Run inside the settings of this project: a long log, and what people who follow a thousand authors wait for.

    python -m tests.benchmarks.longlog EVENTS REPEATS

Two of them: one follows authors as busy as all others, one follows authors who were silent for the last tenth of the log.
Prints one JSON object: milliseconds by measure, queries of each page, and by measure how many events PostgreSQL looked at
and whether it went through the whole log for them.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import django
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

FOLLOWS = 1000
# Ten times as many authors as one person follows, and every tenth of them falls silent.
AUTHORS = 10 * FOLLOWS
# What has come since everything was marked as read.
NEW = 200


class Looked(NamedTuple):
    """How many events a statement looked at, and whether it went through the whole log for them."""

    events: int
    whole: bool


def main(events: str, repeats: str) -> None:
    django.setup()
    settings.DEBUG, settings.ALLOWED_HOSTS = False, ["testserver"]
    begun = time.monotonic()
    count = int(events)
    busy, quiet = (get_user_model().objects.create_user(name) for name in ("busy", "quiet"))
    fill(count, {busy.pk: 1, quiet.pk: 0})
    answer: dict[str, Any] = {"filled_seconds": time.monotonic() - begun, "took_ms": {}, "looked": {}, "queries": {}}
    # What is looked for in the plans would be seen.
    answer["looked"]["everything"] = looked_at("SELECT MAX(url) FROM notifications_event")
    for name, person in (("busy", busy), ("quiet", quiet)):
        look(name, person, 0, int(repeats), answer)
        look(f"{name}, most read", person, count - NEW, int(repeats), answer)
    sys.stdout.write(json.dumps(answer) + "\n")


def fill(count: int, rests: dict[int, int]) -> None:
    """Writes the log within the database; `rests`: which authors a person follows, by the last digit of their number."""
    from notifications.models import Event, Head, Subscription

    event, subscription = Event._meta.db_table, Subscription._meta.db_table
    postgresql = connection.vendor == "postgresql"
    document = '\'{"author": "bob", "title": "What is new"}\'' + ("::jsonb" if postgresql else "")
    numbers = (
        "generate_series(1, {count}) AS numbers(n)"
        if postgresql
        else "(WITH RECURSIVE s(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM s WHERE n < {count}) SELECT n FROM s)"
    )
    # A prime scatters the authors; the silent ones are those whose number ends with 0, and a neighbour speaks for them.
    author = f"(n % {AUTHORS} * 7919) % {AUTHORS}"
    speaking = f"CASE WHEN n > {count - count // 10} AND {author} % 10 = 0 THEN {author} + 2 ELSE {author} END"
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {event} (channel, kind, data, url, created_at, position)"  # noqa: S608
            f" SELECT 'author:' || ({speaking}), 'post.published', {document}, '/posts/1/', CURRENT_TIMESTAMP, n"
            f" FROM {numbers.format(count=count)}"
        )
        for person, rest in rests.items():
            cursor.execute(
                f"INSERT INTO {subscription} (user_id, channel, since, read_through, muted)"  # noqa: S608
                f" SELECT {person}, 'author:' || (10 * n - 10 + {rest}), 0, 0, false FROM {numbers.format(count=FOLLOWS)}"
            )
        # What autovacuum does on a site that lives longer than this one.
        cursor.execute("VACUUM ANALYZE" if postgresql else "ANALYZE")
    Head.objects.update_or_create(pk=Head.ID, defaults={"position": count})


def look(name: str, person: Any, read_through: int, repeats: int, answer: dict[str, Any]) -> None:
    from notifications import inbox
    from notifications.models import Subscription

    Subscription.objects.filter(user=person).update(read_through=read_through)
    client = Client()
    client.force_login(person)
    measures: dict[str, Callable[[], object]] = {
        "page": lambda: inbox.page(person, silenced=()),
        "count": lambda: inbox.unread_count(person, silenced=()),
        "whole": lambda: client.get("/notifications/"),
    }
    for measure, run in measures.items():
        with CaptureQueriesContext(connection) as captured:
            run()
        looked = [looked_at(query["sql"]) for query in captured.captured_queries]
        answer["looked"][f"{name}: {measure}"] = (
            sum(each.events for each in looked),
            any(each.whole for each in looked),
        )
        if measure == "whole":
            answer["queries"][name] = len(captured.captured_queries)
        answer["took_ms"][f"{name}: {measure}"] = median(run, repeats)
    answer["took_ms"][f"{name}: unread page"] = median(
        lambda: inbox.page(person, unread_only=True, silenced=()), repeats
    )


def looked_at(statement: str) -> Looked:
    """Runs a statement as PostgreSQL explains it."""
    if connection.vendor != "postgresql" or not statement.startswith(("SELECT", "WITH")):
        return Looked(0, whole=False)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}")
        (plans,) = cursor.fetchone()
    steps = [step for step in steps_of(plans[0]["Plan"]) if step.get("Relation Name") == "notifications_event"]
    passed_over = ("Rows Removed by Filter", "Rows Removed by Index Recheck")
    rows = sum(
        (step["Actual Rows"] + sum(step.get(each, 0) for each in passed_over)) * step["Actual Loops"] for step in steps
    )
    return Looked(int(rows), whole=any(step["Node Type"] == "Seq Scan" for step in steps))


def steps_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from steps_of(part)


def median(run: Callable[[], object], repeats: int) -> float:
    """The median of the milliseconds that it takes."""
    took = []
    for _ in range(repeats):
        begun = time.perf_counter()
        run()
        took.append((time.perf_counter() - begun) * 1000)
    return statistics.median(took)


if __name__ == "__main__":
    main(*sys.argv[1:])
