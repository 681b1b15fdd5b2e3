"""Keeps the order numbers going where a migration changes the table of orders.

SQLite changes a table by copying it, and the copy counts from its highest row: the numbers of deleted orders would be
given again, and on a new site the first order would be number 1. Events are keyed by the number.
"""

_last: dict[str, int] = {}


def remember(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = 'orders_order'")
            row = cursor.fetchone()
        _last[schema_editor.connection.alias] = row[0] if row else 0


def restore(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        last = _last.pop(schema_editor.connection.alias)
        schema_editor.execute("DELETE FROM sqlite_sequence WHERE name = 'orders_order'")
        schema_editor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('orders_order', %s)", [last])
