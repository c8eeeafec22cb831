"""The event table, its functions, and the model that reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import django.contrib.postgres.fields
from django.apps import apps
from django.db import migrations, models, router
from django.db.migrations.operations.base import Operation

from pgaudit_log.conf import settings

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
BEGIN
    PERFORM pg_catalog.set_config('pgaudit_log.path', pg_catalog.current_setting('search_path'), true);
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
END;
$pgaudit_log$;

DO $pgaudit_log$
DECLARE
    captures oid[] := ARRAY(
        SELECT pg_proc.oid
        FROM pg_proc
        WHERE position('INSERT INTO @schema@.pgaudit_log_event ' IN prosrc) > 0
    );
    made record;
BEGIN
    -- Migrations of tracked models are undone first; what is left has no migration.
    FOR made IN
        SELECT tgrelid::regclass AS relation, quote_ident(tgname) AS name
        FROM pg_trigger
        WHERE (
                tgfoid = ANY (captures)
                OR tgfoid = to_regproc('@schema@.pgaudit_log_take_turn')
            )
            AND tgparentid = 0
    LOOP
        EXECUTE format('DROP TRIGGER %s ON %s', made.name, made.relation);
    END LOOP;
    FOR made IN
        SELECT pg_proc.oid::regprocedure AS signature
        FROM pg_proc
        JOIN pg_namespace ON pg_namespace.oid = pronamespace
        WHERE pg_proc.oid = ANY (captures)
            OR starts_with(proname, 'pgaudit_log_when_')
            AND EXISTS (
                SELECT FROM pg_proc AS capture
                WHERE capture.oid = ANY (captures)
                    AND position(quote_ident(nspname) || '.' || pg_proc.proname IN capture.prosrc) > 0
            )
    LOOP
        EXECUTE format('DROP FUNCTION %s', made.signature);
    END LOOP;
END;
$pgaudit_log$;
DROP TABLE IF EXISTS @schema@.pgaudit_log_event CASCADE;
DROP TABLE IF EXISTS @schema@.pgaudit_log_saved_filter;
DROP TABLE IF EXISTS @schema@.pgaudit_log_hold;
DROP TABLE IF EXISTS @schema@.pgaudit_log_horizon;
DROP TABLE IF EXISTS @schema@.pgaudit_log_granted_role;
DROP TABLE IF EXISTS @schema@.pgaudit_log_declared_label;
DROP TABLE IF EXISTS @schema@.pgaudit_log_shape;
DROP TABLE IF EXISTS @schema@.pgaudit_log_mask_key;
DROP TABLE IF EXISTS @schema@.pgaudit_log_label;
DROP TABLE IF EXISTS @schema@.pgaudit_log_column;
DROP TABLE IF EXISTS @schema@.pgaudit_log_table;
DROP TABLE IF EXISTS @schema@.pgaudit_log_incarnation;
DROP FUNCTION IF EXISTS @schema@.pgaudit_log_write_manual;
DROP FUNCTION IF EXISTS @schema@.pgaudit_log_may_write;
DROP FUNCTION IF EXISTS @schema@.pgaudit_log_renew_numbers;
DROP FUNCTION IF EXISTS @schema@.pgaudit_log_numbers;
DROP FUNCTION IF EXISTS @schema@.pgaudit_log_txid;
DROP FUNCTION IF EXISTS @schema@.pgaudit_log_state;
DROP FUNCTION IF EXISTS @schema@.pgaudit_log_is_known;
DROP FUNCTION IF EXISTS @schema@.pgaudit_log_turn;
DROP FUNCTION IF EXISTS @schema@.pgaudit_log_take_turn;
DROP FUNCTION IF EXISTS @schema@.pgaudit_log_bind_condition;
DROP FUNCTION IF EXISTS @schema@.pgaudit_log_refuse_strangers;
DROP FUNCTION IF EXISTS @schema@.pgaudit_log_current_shape;
DROP FUNCTION IF EXISTS @schema@.pgaudit_log_stored_at;
DROP FUNCTION IF EXISTS @schema@.pgaudit_log_note_large;
DROP FUNCTION IF EXISTS @schema@.pgaudit_log_hashed;
DROP FUNCTION IF EXISTS @schema@.pgaudit_log_masked_context;
DROP FUNCTION IF EXISTS @schema@.pgaudit_log_without;
DROP FUNCTION IF EXISTS @schema@.pgaudit_log_new_mask_key;
DROP FUNCTION IF EXISTS @schema@.pgaudit_log_resolved;
DROP FUNCTION IF EXISTS @schema@.pgaudit_log_renamed;
DROP FUNCTION IF EXISTS @schema@.pgaudit_log_shape_of;
DROP FUNCTION IF EXISTS @schema@.pgaudit_log_label_of;
DROP FUNCTION IF EXISTS @schema@.pgaudit_log_table_of;
DROP FUNCTION IF EXISTS @schema@.pgaudit_log_database;
DROP FUNCTION IF EXISTS @schema@.pgaudit_log_context_once;
DROP FUNCTION IF EXISTS @schema@.pgaudit_log_context;
DROP FUNCTION IF EXISTS @schema@.pgaudit_log_rare_context;
DROP FUNCTION IF EXISTS @schema@.pgaudit_log_parse_context;
DROP FUNCTION IF EXISTS @schema@.pgaudit_log_is_valid;
DROP FUNCTION IF EXISTS @schema@.pgaudit_log_is_value;
DROP FUNCTION IF EXISTS @schema@.pgaudit_log_snapshot;
DROP FUNCTION IF EXISTS @schema@.pgaudit_log_refuse_change;

DO $pgaudit_log$
BEGIN
    PERFORM set_config('search_path', current_setting('pgaudit_log.path'), true);
END;
$pgaudit_log$;
"""

REFUSE_PLANTED = """
-- Raises if something that is called as ours is in the schema before the event table is made, and
-- belongs to a stranger: a role that is no superuser, and not one that the role that migrates is or may
-- act as. What is there stays as it is when the SQL is run, and a function that is replaced keeps its
-- owner: he could put something else in its place later, which would run with every write, as the owner
-- of the capture functions.
DO $pgaudit_log$
DECLARE
    stranger record;
BEGIN
    SELECT pg_catalog.pg_describe_object(planted.catalog, planted.id, 0) AS name, rolname AS owner
    INTO stranger
    FROM (
        SELECT tableoid AS catalog, oid AS id, relowner AS owner, relname AS name, relnamespace AS home
        FROM pg_catalog.pg_class
        UNION ALL
        SELECT tableoid, oid, proowner, proname, pronamespace
        FROM pg_catalog.pg_proc
        UNION ALL
        SELECT tableoid, oid, typowner, typname, typnamespace
        FROM pg_catalog.pg_type
    ) AS planted
    JOIN pg_catalog.pg_roles ON pg_roles.oid OPERATOR(pg_catalog.=) planted.owner
    WHERE planted.home OPERATOR(pg_catalog.=) '@schema@'::pg_catalog.regnamespace
        AND pg_catalog.starts_with(planted.name::pg_catalog.text, 'pgaudit_log_'::pg_catalog.text)
        AND NOT rolsuper
        AND rolname OPERATOR(pg_catalog.<>) current_user
        -- A superuser may act as anybody.
        AND (
            pg_catalog.current_setting('is_superuser') OPERATOR(pg_catalog.=) 'on'::pg_catalog.text
            OR NOT pg_catalog.pg_has_role(planted.owner, 'MEMBER'::pg_catalog.text)
        )
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'pgaudit_log: there is a % already, which belongs to the role %', stranger.name, stranger.owner
        USING ERRCODE = 'restrict_violation',
              HINT = 'Drop it, or give it to the role that migrates if it is meant.';
    END IF;
END;
$pgaudit_log$;
"""


REFERENCES_INDEX = """
CREATE INDEX IF NOT EXISTS pgaudit_log_event_refs
    ON pgaudit_log_event USING gin (refs) WITH (gin_pending_list_limit = 256);
"""


class RunPostgresSQL(Operation):
    """Runs SQL on PostgreSQL, and nothing elsewhere; ``sqlmigrate`` shows it.

    It has no parameters, and ``@schema@`` in it is the schema that tables are made in.
    """

    reduces_to_sql = True
    reversible = True
    elidable = False

    def __init__(self, sql: str, reverse_sql: str, *, setting: str | None = None) -> None:
        self.sql = sql
        self.reverse_sql = reverse_sql
        self.setting = setting

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Change nothing: models know nothing of it."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Run the SQL, unless a setting says not to."""
        self._run(self.sql, app_label, schema_editor)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Run the SQL that takes it back."""
        self._run(self.reverse_sql, app_label, schema_editor)

    def describe(self) -> str:
        """Return what it does, for ``sqlmigrate`` and ``migrate --plan``."""
        return "Run SQL on PostgreSQL"

    def _run(self, sql: str, app_label: str, schema_editor: Any) -> None:
        connection = schema_editor.connection
        if connection.vendor != "postgresql":
            return
        # As the installation asks: routers may decide by the model.
        if not router.allow_migrate_model(connection.alias, apps.get_model(app_label, "Events")):
            return
        if sql and (self.setting is None or getattr(settings, self.setting)):
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_catalog.quote_ident(current_schema()::text)")
                [schema] = cursor.fetchone()
            schema_editor.execute(sql.replace("@schema@", schema), params=None)


class Migration(migrations.Migration):
    initial = True

    operations = [
        RunPostgresSQL(REFUSE_PLANTED, ""),
        RunPostgresSQL(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"), DROP),
        RunPostgresSQL(REFERENCES_INDEX, "", setting="INDEX_REFERENCES"),
        migrations.CreateModel(
            name="Events",
            fields=[
                (
                    "pgh_id",
                    models.BigAutoField(db_column="id", primary_key=True, serialize=False),
                ),
                ("pgh_created_at", models.DateTimeField(db_column="created_at")),
                ("pgh_txid", models.BigIntegerField(db_column="txid")),
                ("pgh_turn", models.BigIntegerField(db_column="turn", null=True)),
                ("pgh_shape", models.IntegerField(db_column="shape")),
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
                ("pgh_role", models.TextField(db_column="role")),
                ("pgh_session", models.JSONField(db_column="session", null=True)),
                ("pgh_origin", models.JSONField(db_column="origin", null=True)),
            ],
            options={
                "verbose_name": "event",
                "verbose_name_plural": "events",
                "db_table": "pgaudit_log_event",
                "ordering": ["pgh_id"],
                "get_latest_by": "pgh_id",
                "managed": False,
                "default_permissions": ("view",),
                "permissions": (
                    ("revert_events", "Can revert, undo and restore by events"),
                    ("export_events", "Can export events"),
                    (
                        "view_context_events",
                        "Can view where events came from: requests, addresses, roles",
                    ),
                ),
            },
        ),
        migrations.CreateModel(
            name="SavedFilter",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("user", models.TextField(db_column="user_id")),
                ("name", models.TextField()),
                ("query", models.TextField()),
            ],
            options={
                "verbose_name": "saved filter",
                "verbose_name_plural": "saved filters",
                "db_table": "pgaudit_log_saved_filter",
                "managed": False,
                "default_permissions": (),
            },
        ),
    ]
