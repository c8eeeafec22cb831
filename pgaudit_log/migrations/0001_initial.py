"""The event table, its functions, and the model that reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import django.contrib.postgres.fields
from django.db import migrations, models

OPERATIONS = [
    ("I", "insert"),
    ("U", "update"),
    ("D", "delete"),
    ("T", "truncate"),
    ("M", "manual"),
    ("B", "baseline"),
]

DROP = """
DO $pgaudit_log$
DECLARE
    capture record;
BEGIN
    -- Migrations of tracked models are undone first; what is left has no migration.
    FOR capture IN
        SELECT tgrelid::regclass AS relation, quote_ident(tgname) AS name, tgfoid::regprocedure AS function
        FROM pg_trigger
        JOIN pg_proc ON pg_proc.oid = tgfoid
        WHERE position('INSERT INTO pgaudit_log_event ' IN prosrc) > 0 AND tgparentid = 0
    LOOP
        EXECUTE format('DROP TRIGGER %s ON %s', capture.name, capture.relation);
    END LOOP;
END;
$pgaudit_log$;
DROP TABLE IF EXISTS pgaudit_log_event CASCADE;
DROP FUNCTION IF EXISTS pgaudit_log_context_once();
DROP FUNCTION IF EXISTS pgaudit_log_context();
DROP FUNCTION IF EXISTS pgaudit_log_parse_jsonb(text);
DROP FUNCTION IF EXISTS pgaudit_log_is_valid(text, text);
DROP FUNCTION IF EXISTS pgaudit_log_snapshot(record);
DROP FUNCTION IF EXISTS pgaudit_log_refuse_change();
"""

REFERENCES_INDEX = """
CREATE INDEX IF NOT EXISTS pgaudit_log_event_refs
    ON pgaudit_log_event USING gin (refs) WITH (gin_pending_list_limit = 256);
"""


def create(apps: Any, schema_editor: Any) -> None:
    """Run the SQL that is frozen beside this file; other databases have no event table."""
    from pgaudit_log.conf import settings

    if schema_editor.connection.vendor != "postgresql":
        return
    frozen = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    schema_editor.execute(frozen, params=None)
    if settings.INDEX_REFERENCES:
        schema_editor.execute(REFERENCES_INDEX, params=None)


def drop(apps: Any, schema_editor: Any) -> None:
    """Drop the event table with the views over it: all events are lost."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(DROP, params=None)


class Migration(migrations.Migration):
    initial = True

    operations = [
        migrations.RunPython(create, drop, elidable=False),
        migrations.CreateModel(
            name="Events",
            fields=[
                (
                    "pgh_id",
                    models.BigAutoField(db_column="id", primary_key=True, serialize=False),
                ),
                ("pgh_created_at", models.DateTimeField(db_column="created_at")),
                ("pgh_txid", models.BigIntegerField(db_column="txid")),
                ("pgh_obj_model", models.TextField(db_column="model")),
                ("pgh_obj_id", models.TextField(db_column="obj_pk", null=True)),
                ("pgh_label", models.TextField(db_column="label")),
                (
                    "pgh_operation",
                    models.CharField(choices=OPERATIONS, db_column="operation", max_length=1),
                ),
                ("pgh_data", models.JSONField(db_column="snapshot", null=True)),
                ("pgh_diff", models.JSONField(db_column="diff", null=True)),
                (
                    "pgh_refs",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), db_column="refs", null=True, size=None
                    ),
                ),
                ("pgh_context_id", models.UUIDField(db_column="context_id", null=True)),
                ("pgh_context", models.JSONField(db_column="context", null=True)),
            ],
            options={
                "verbose_name": "event",
                "verbose_name_plural": "events",
                "db_table": "pgaudit_log_event",
                "ordering": ["pgh_id"],
                "managed": False,
                "default_permissions": ("view",),
            },
        ),
    ]
