"""Order numbers begin at 1001: a first order does not look like a first order."""

from django.db import migrations

FIRST = 1001


def begin_at_1001(apps, schema_editor):
    match schema_editor.connection.vendor:
        case "sqlite":
            schema_editor.execute("DELETE FROM sqlite_sequence WHERE name = 'orders_order'")
            schema_editor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('orders_order', %s)", [FIRST - 1])
        case "postgresql":
            schema_editor.execute(f"ALTER TABLE orders_order ALTER COLUMN number RESTART WITH {FIRST}")


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_initial")]

    operations = [migrations.RunPython(begin_at_1001, migrations.RunPython.noop)]
