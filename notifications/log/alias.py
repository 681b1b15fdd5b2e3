"""The database of the log. A site's router may choose another than "default"; all tables of this app are in one."""

from django.db import router

from notifications.models import Event


def database() -> str:
    """Returns the alias of the log's database. Reads use it too: a replica may not have the newest events yet."""
    return router.db_for_write(Event)
