"""Makes millions of followers for demos and measurements; their rows are generated inside the database."""

# The statements contain names of tables and columns only; every value is a parameter.
# ruff: noqa: S608

from collections.abc import Iterator, Sequence
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.db import connection, models, router, transaction
from django.utils import timezone

from blog.models import Follow
from blog.notifiers import author_channel
from notifications import log
from notifications.models import Subscription

# Rows of one transaction, because on SQLite other writers wait for its end.
BATCH = 20_000
# The placeholder of a parameter in SQL.
NAME = "'follower-' || n"


def make_followers(author: Any, wanted: int) -> Iterator[int]:
    """Makes the users follower-1 … follower-N, who follow the author; yields the number of followers in each batch.

    Existing users, follows and subscriptions are not changed. No signals are sent, so subscriptions are made here.
    """
    people = get_user_model()
    nobody = people(password=make_password(None))
    for first in range(1, wanted + 1, BATCH):
        last = min(first + BATCH - 1, wanted)
        with transaction.atomic():
            insert(nobody, {people.USERNAME_FIELD: NAME}, numbers(), [first, last])
            name, key = (column(people, each) for each in (people.USERNAME_FIELD, people._meta.pk.name))
            source = f"(SELECT {key} AS key FROM {people._meta.db_table} WHERE {name} IN (SELECT {NAME} FROM {numbers()})) AS people"
            insert(Follow(author=author, created_at=timezone.now()), {"follower": "key"}, source, [first, last])
            since = log.head()
            subscription = Subscription(channel=author_channel(author.pk), since=since, read_through=since)
            insert(subscription, {"user": "key"}, source, [first, last])
        yield last - first + 1


def numbers() -> str:
    """Returns the SQL of a table of whole numbers `n`, from the first parameter to the second."""
    if connection.vendor == "postgresql":
        return "generate_series(%s::integer, %s::integer) AS numbers(n)"
    return "(WITH RECURSIVE s(n, last) AS (VALUES (%s, %s) UNION ALL SELECT n + 1, last FROM s WHERE n < last) SELECT n FROM s) AS numbers"


def insert(like: models.Model, given: dict[str, str], source: str, parameters: Sequence[Any]) -> None:
    """Inserts a copy of the row `like` for each row of `source`; `given` maps the fields that differ to SQL."""
    model = type(like)
    fields = [each for each in model._meta.concrete_fields if not each.primary_key]
    using = router.db_for_write(model)
    values = [
        each.get_db_prep_save(getattr(like, each.attname), connection) for each in fields if each.name not in given
    ]
    columns = ", ".join(str(each.column) for each in fields)
    terms = ", ".join(given.get(each.name, "%s") for each in fields)
    table = model._meta.db_table
    with transaction.atomic(using=using), connection.cursor() as cursor:
        # Without WHERE, SQLite parses ON as part of a join.
        statement = f"INSERT INTO {table} ({columns}) SELECT {terms} FROM {source} WHERE true ON CONFLICT DO NOTHING"
        cursor.execute(statement, [*values, *parameters])


def column(model: type[models.Model], name: str) -> str:
    found = model._meta.get_field(name)
    assert isinstance(found, models.Field)
    return str(found.column)
