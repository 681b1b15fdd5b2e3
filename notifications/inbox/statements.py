"""The statements of the inbox in a long log, each written whole; search.py fills in the clauses and the parameters.

A log may hold millions of events, and a person may be subscribed to a thousand channels. Each statement first looks through
the *window*, the newest events of the whole log: a person with many channels finds a page there. Only for what is older it
asks each channel, through the index on channel and position, for its newest events.

Clauses, in braces:
- before: `position` is before the page's cursor, or any.
- low: up to this position nothing of a channel is looked for. All: `since`. The unread: `since` or `read_through`.
- wanted: the event is unread (or not dismissed), not retracted, of a kind that is not hidden, and of the kind that is asked for.
- is_unread: as wanted, for the unread alone.
- one_of_newest: `f.id` is one of the newest events of the channel of `s` before the window; see OF_CHANNEL.

Names: `e` an event, `s` the person's subscription to its channel, `r` what the person did to the event by itself.
"""

# Every value goes in as a parameter; what is filled in is written in this package.
# ruff: noqa: S608

import re
from textwrap import dedent

from notifications.models import Event, Reading, Subscription

EVENT, SUBSCRIPTION, READING = (model._meta.db_table for model in (Event, Subscription, Reading))
COLUMNS = ", ".join(f"e.{each.column}" for each in Event._meta.concrete_fields)

UNREAD_CASE = (
    "CASE WHEN r.state IS NULL THEN e.position > s.read_through"
    f" ELSE r.state = '{Reading.State.UNREAD}' AND r.since >= s.read_through END"
)
IS_KEPT = f"(r.state IS NULL OR r.state <> '{Reading.State.DISMISSED}')"
IS_NOT_RETRACTED = "e.retracted_at IS NULL"
LOW_OF_ALL = "s.since"
LOW_OF_UNREAD = "CASE WHEN s.read_through > s.since THEN s.read_through ELSE s.since END"

# The person's subscriptions, to be joined with events. With the limit, which is none, the planner does not look for the channel
# of an event among all of its followers.
MINE = f"""(
        SELECT channel, since, read_through FROM {SUBSCRIPTION} s
        WHERE s.user_id = %(user)s AND NOT s.muted
        LIMIT {2**62}
    ) s"""
MARK = f"LEFT JOIN {READING} r ON r.user_id = %(user)s AND r.event_id = e.id"

# The newest events of the channel of `s` before the window: a part of one index.
OF_CHANNEL = f"""
            SELECT e.{{column}} FROM {EVENT} e
            {MARK}
            WHERE e.channel = s.channel AND e.position > {{low}}
                AND e.position <= (SELECT position FROM edge)
                AND {{wanted}}
            ORDER BY e.position DESC
            LIMIT {{limit}}"""
# A plain join of channels and events is planned as one read of the whole log. An array (PostgreSQL) or IN with a limit (SQLite)
# makes each engine read the part of the index of each channel, and no more.
ONE_OF_NEWEST = {"postgresql": "= ANY (ARRAY({newest}))", "sqlite": "IN ({newest})"}

# Where the window begins, and the position up to which nothing is looked for in any channel.
EDGE = f"""edge AS (
    SELECT
        COALESCE(MAX(position), 0) - {{window}} AS position,
        (SELECT MIN({{low}}) FROM {SUBSCRIPTION} s WHERE s.user_id = %(user)s AND NOT s.muted) AS floor
    FROM {EVENT}
    WHERE {{before}}
)"""

# What was made unread again, however old: it is below `low`, where nothing else is looked for.
MADE_UNREAD = f"""
    UNION ALL
    SELECT e.id, e.position FROM {READING} r
    JOIN {EVENT} e ON e.id = r.event_id
    JOIN {MINE} ON s.channel = e.channel
    WHERE r.user_id = %(user)s AND r.state = '{Reading.State.UNREAD}'
        AND e.position > s.since AND e.position <= {{low}}
        AND {{wanted}} AND e.{{before}}"""


def statement(text: str) -> str:
    """Returns a template without its comments, which are for the reader of this module."""
    return re.sub(r"\s*--.*", "", dedent(text)).strip()


PAGE_STATEMENT = statement(f"""
    WITH {EDGE},
    recent AS (
        SELECT e.id, e.position
        FROM (
            -- The window by position alone, before any join: its index is read from the end.
            SELECT id, channel, kind, position, retracted_at FROM {EVENT}
            WHERE {{before}}
                AND position > (SELECT position FROM edge) AND position > (SELECT floor FROM edge)
            ORDER BY position DESC
            LIMIT {{window}}
        ) e
        JOIN {MINE} ON s.channel = e.channel AND e.position > {{low}}
        {MARK}
        WHERE {{wanted}}
        ORDER BY e.position DESC
        LIMIT {{limit}}
    ),
    older AS (
        SELECT f.id, f.position
        FROM (
            -- The newest events of all channels are in the channels with the newest events: only these are read.
            SELECT s.*, ({{newest_position}}) AS newest
            FROM {SUBSCRIPTION} s
            WHERE s.user_id = %(user)s AND NOT s.muted
                AND {{low}} < (SELECT position FROM edge)
                AND (SELECT COUNT(*) FROM recent) < {{limit}}
            ORDER BY newest DESC NULLS LAST
            LIMIT {{limit}}
        ) s
        JOIN {EVENT} f ON f.id {{one_of_newest}}
    ),
    found AS (
        SELECT id, position FROM recent
        UNION ALL
        SELECT id, position FROM older
        {{made_unread}}
        ORDER BY position DESC
        LIMIT {{limit}}
    )
    SELECT {COLUMNS}, {UNREAD_CASE} AS is_unread
    FROM found
    JOIN {EVENT} e ON e.id = found.id
    JOIN {MINE} ON s.channel = e.channel
    {MARK}
    ORDER BY e.position DESC
""")

# The count within the window, and whether there may be more outside of it: below it, or made unread again.
COUNT_RECENT_STATEMENT = statement(f"""
    WITH {EDGE},
    recent AS (
        SELECT e.id
        FROM (
            SELECT id, channel, kind, position, retracted_at FROM {EVENT}
            WHERE {{before}}
                AND position > (SELECT position FROM edge) AND position > (SELECT floor FROM edge)
            ORDER BY position DESC
            LIMIT {{window}}
        ) e
        JOIN {MINE} ON s.channel = e.channel AND e.position > {{low}}
        {MARK}
        WHERE {{wanted}}
        -- No order: which of them are counted does not matter.
        LIMIT {{limit}}
    )
    SELECT
        COUNT(*),
        (SELECT floor < position FROM edge)
            OR EXISTS (SELECT 1 FROM {READING} WHERE user_id = %(user)s AND state = '{Reading.State.UNREAD}')
    FROM recent
""")

# The count of everything, for the few people whose count the window does not decide.
COUNT_STATEMENT = statement(f"""
    WITH {EDGE},
    recent AS (
        SELECT e.id, e.position
        FROM (
            SELECT id, channel, kind, position, retracted_at FROM {EVENT}
            WHERE {{before}}
                AND position > (SELECT position FROM edge) AND position > (SELECT floor FROM edge)
            ORDER BY position DESC
            LIMIT {{window}}
        ) e
        JOIN {MINE} ON s.channel = e.channel AND e.position > {{low}}
        {MARK}
        WHERE {{wanted}}
        LIMIT {{limit}}
    ),
    older AS (
        SELECT f.id, f.position
        FROM (
            SELECT s.* FROM {SUBSCRIPTION} s
            WHERE s.user_id = %(user)s AND NOT s.muted
                AND {{low}} < (SELECT position FROM edge)
                AND (SELECT COUNT(*) FROM recent) < {{limit}}
        ) s
        JOIN {EVENT} f ON f.id {{one_of_newest}}
    ),
    found AS (
        SELECT id, position FROM recent
        UNION ALL
        SELECT id, position FROM older
        {{made_unread}}
        LIMIT {{limit}}
    )
    SELECT COUNT(*) FROM found
""")
