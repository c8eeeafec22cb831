"""Keeps capture working while a migration renames or removes a column under its triggers.

Capture functions name their columns. ``makemigrations`` removes a trigger before it changes
a column and adds it anew after; a migration written by hand may not, and the next write to
the table would fail until it does.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from django.conf import settings
from django.db.backends.postgresql.schema import DatabaseSchemaEditor
from django.db.utils import load_backend

from pgaudit_log.constants import EVENT_TABLE
from pgaudit_log.identifiers import quote_literal, quote_name, table_of
from pgaudit_log.triggers.template import CompiledTrigger

logger = logging.getLogger("pgaudit_log")


class FollowsColumns:
    """A mixin for Django's ``DatabaseSchemaEditor``."""

    connection: Any
    execute: Any

    def _alter_field(
        self, model: Any, old_field: Any, new_field: Any, *args: Any, **kw: Any
    ) -> Any:
        result = super()._alter_field(model, old_field, new_field, *args, **kw)  # type: ignore[misc]
        if old_field.column and new_field.column and old_field.column != new_field.column:
            for _, definition in self._captures_of(model, old_field.column):
                renamed = _renamed(definition, old_field.column, new_field.column)
                self.execute(_of_shape(renamed, self._current_shape(model)), params=None)
        if old_field.db_parameters(self.connection) != new_field.db_parameters(self.connection):
            self._bind_conditions_anew(model)
        return result

    def _bind_conditions_anew(self, model: Any) -> None:
        """Install the triggers of a model anew whose conditions are functions of its columns.

        Their arguments have the types that the columns had.
        """
        for trigger in getattr(model._meta, "triggers", ()):
            compiled = trigger if isinstance(trigger, CompiledTrigger) else trigger.compile(model)
            own = getattr(compiled.sql, "own", {})
            if "when_condition" in own and self._is_installed(model, compiled):
                self.execute(compiled.install_sql, params=None)

    def _is_installed(self, model: Any, trigger: Any) -> bool:
        with self.connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_trigger WHERE tgrelid = to_regclass(%s) AND tgname = %s",
                [table_of(model), trigger.sql.pgid],
            )
            return bool(cursor.fetchone()[0])

    def delete_model(self, model: Any) -> None:
        """Delete a model's table: a later one of its name is another one."""
        if not getattr(self, "collect_sql", False):
            with self.connection.cursor() as cursor:
                cursor.execute(
                    """
                    SELECT to_regclass('pgaudit_log_table') IS NOT NULL
                    """
                )
                if cursor.fetchone()[0]:
                    cursor.execute(
                        """
                        UPDATE pgaudit_log_table SET dropped_at = clock_timestamp()
                        WHERE relation = to_regclass(%s) AND dropped_at IS NULL
                            AND database = pgaudit_log_database()
                        """,
                        [table_of(model)],
                    )
        super().delete_model(model)  # type: ignore[misc]

    def remove_field(self, model: Any, field: Any) -> None:
        """Remove a field's column, and first the triggers that would miss it."""
        if field.column:
            for name, _ in self._captures_of(model, field.column):
                table = model._meta.db_table
                logger.warning(
                    "The trigger %s of %s is removed, because the column %s that it captures is."
                    " Changes of %s go unrecorded until a migration adds it anew: run makemigrations.",
                    name,
                    table,
                    field.column,
                    table,
                )
                quoted = self.connection.ops.quote_name(table)
                self.execute(f"DROP TRIGGER {quote_name(name)} ON {quoted}", params=None)
        super().remove_field(model, field)  # type: ignore[misc]

    def _captures_of(self, model: Any, column: str) -> list[tuple[str, str]]:
        """Return the triggers on a model's table that capture a column, with their functions."""
        if getattr(self, "collect_sql", False):
            return []
        with self.connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT tgname, pg_get_functiondef(pg_proc.oid)
                FROM pg_trigger
                JOIN pg_proc ON pg_proc.oid = tgfoid
                WHERE tgrelid = to_regclass(%s) AND tgparentid = 0
                    AND position(%s IN prosrc) > 0 AND position(%s IN prosrc) > 0
                """,
                [
                    self.connection.ops.quote_name(model._meta.db_table),
                    f".{EVENT_TABLE} (",
                    quote_name(column),
                ],
            )
            return list(cursor.fetchall())

    def _current_shape(self, model: Any) -> int:
        """Return the shape that a model's table has now."""
        with self.connection.cursor() as cursor:
            cursor.execute(
                "SELECT (pgaudit_log_shape_of(to_regclass(%s)::oid, '{}'::jsonb, ''::text)).shape",
                [table_of(model)],
            )
            shape: int = cursor.fetchone()[0]
        return shape


def _renamed(definition: str, old: str, new: str) -> str:
    """Return a capture function's definition with a column of another name, key in JSON included."""
    return definition.replace(quote_name(old), quote_name(new)).replace(
        f"jsonb_build_object({quote_literal(old)},", f"jsonb_build_object({quote_literal(new)},"
    )


def _of_shape(definition: str, shape: int) -> str:
    """Return a capture function's definition with another shape in its events."""
    return re.sub(r"(?<=shape CONSTANT integer := )\d+", str(shape), definition, count=1)


def install() -> None:
    """Let the schema editors of the project's PostgreSQL backends follow columns."""
    for database in settings.DATABASES.values():
        wrapper = load_backend(str(database["ENGINE"])).DatabaseWrapper
        editor = wrapper.SchemaEditorClass
        if not editor or not issubclass(editor, DatabaseSchemaEditor):
            continue
        if not issubclass(editor, FollowsColumns):
            wrapper.SchemaEditorClass = type("DatabaseSchemaEditor", (FollowsColumns, editor), {})
