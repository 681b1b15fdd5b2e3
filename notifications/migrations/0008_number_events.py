"""Makes the procedure that numbers events on PostgreSQL (log/numbering.py)."""

from django.db import migrations

# The names of the output parameters are those of numbering.Numbered.
PROCEDURE = """
CREATE OR REPLACE PROCEDURE notifications_number_events(
    most_carried bigint,
    sender text,
    INOUT state text,
    INOUT head bigint,
    INOUT log_epoch text,
    INOUT events text,
    INOUT is_more boolean
) LANGUAGE plpgsql AS $$
DECLARE
    given bigint;
BEGIN
    state := 'free';
    head := 0;
    log_epoch := '';
    events := '[]';
    is_more := FALSE;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        -- Each statement below needs a snapshot of its own. The level can be changed only before the first one.
        COMMIT;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    END IF;
    IF NOT EXISTS (SELECT 1 FROM notifications_event WHERE position IS NULL) THEN
        RETURN;
    END IF;
    SELECT h.position, h.epoch INTO head, log_epoch FROM notifications_head h WHERE h.id = 1 FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        head := 0;
        log_epoch := '';
        state := CASE WHEN EXISTS (SELECT 1 FROM notifications_head h WHERE h.id = 1) THEN 'locked' ELSE 'missing' END;
        RETURN;
    END IF;
    WITH pending AS (
        SELECT id AS pending_id, ROW_NUMBER() OVER (ORDER BY id) AS place
        FROM notifications_event
        WHERE position IS NULL
        ORDER BY id
        LIMIT 500
    ), numbered AS (
        UPDATE notifications_event SET position = head + pending.place
        FROM pending
        WHERE id = pending_id AND position IS NULL
        RETURNING id, channel, kind, data, url, key, created_at, position, retracted_at
    )
    SELECT count(*), CASE WHEN count(*) <= most_carried THEN json_agg(
        json_build_array(id, channel, kind, data::text, url, key, created_at, position, retracted_at) ORDER BY position
    ) END INTO given, events FROM numbered;
    head := head + given;
    IF given > 0 THEN
        UPDATE notifications_head h SET position = head WHERE h.id = 1;
    END IF;
    COMMIT;
    -- A serializable look would make the server abort writers that it happens to meet.
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    IF given > 0 AND sender <> '' THEN
        -- A schema is a site of its own.
        PERFORM pg_notify('notifications_' || md5(current_schema()), head || ' ' || log_epoch || ' ' || sender);
    END IF;
    is_more := EXISTS (SELECT 1 FROM notifications_event WHERE position IS NULL);
END
$$
"""


def on_postgresql(statement):
    def run(apps, schema_editor):
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(statement)

    return run


class Migration(migrations.Migration):

    dependencies = [
        ('notifications', '0007_epoch'),
    ]

    operations = [
        migrations.RunPython(on_postgresql(PROCEDURE), on_postgresql("DROP PROCEDURE notifications_number_events")),
    ]
