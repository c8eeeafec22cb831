"""Keeps capture working while a migration changes, renames or removes a column under its triggers.

Capture functions name their columns. ``makemigrations`` removes a trigger before it changes
a column and adds it anew after; a migration written by hand may not, and the next write to
the table would fail until it does.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Any, NamedTuple

from django.db import transaction

from pgaudit_log.capture_v1.compiled import CompiledTrigger
from pgaudit_log.database import installed_triggers
from pgaudit_log.triggers.capture_function import (
    WRITES_EVENTS,
    shape_in,
    with_column_renamed,
    with_shape,
)
from pgaudit_log.values.quoting import quote_literal, quote_name
from pgaudit_log.values.tables import table_of

logger = logging.getLogger("pgaudit_log")


class _Capture(NamedTuple):
    """A capture trigger on a table."""

    name: str
    definition: str
    comment: str | None
    """The hash of what it was made from, by which django-pgtrigger and the checks know it."""
    enabled: str
    has_condition: bool


_ENABLED = {"D": "DISABLE", "A": "ENABLE ALWAYS", "R": "ENABLE REPLICA"}
"""What a trigger is altered with, by ``tgenabled``."""


class FollowsColumns:
    """A mixin for Django's ``DatabaseSchemaEditor``."""

    connection: Any
    execute: Any
    followed_tables: frozenset[str] = frozenset()
    """The tables, named in SQL, whose triggers are made anew once an operation is through."""

    def _alter_field(
        self, model: Any, old_field: Any, new_field: Any, *args: Any, **kw: Any
    ) -> Any:
        is_renamed = old_field.column and new_field.column and old_field.column != new_field.column
        fills_in = is_renamed and old_field.null and not new_field.null
        if fills_in and self._captures_of(model, old_field.column):
            # By itself, because Django then writes the default into rows, under the triggers.
            old_type, _, old_params, *_ = args
            between = copy(old_field)
            between.column = new_field.column
            self._alter_field(model, old_field, between, old_type, old_type, old_params, old_params)
            old_field, is_renamed = between, False
        with self._keeping_triggers(model, old_field, new_field):
            result = super()._alter_field(model, old_field, new_field, *args, **kw)  # type: ignore[misc]
        if is_renamed:
            for _, definition in self._captures_of(model, old_field.column):
                renamed = with_column_renamed(definition, old_field.column, new_field.column)
                shape = self._current_shape(model, shape_in(definition))
                self.execute(with_shape(renamed, shape), params=None)
        if old_field.db_parameters(self.connection) != new_field.db_parameters(self.connection):
            self._bind_conditions_anew(model)
        return result

    @contextmanager
    def _keeping_triggers(self, model: Any, old_field: Any, new_field: Any) -> Iterator[None]:
        """Let a block change a column, although triggers have it in their conditions.

        PostgreSQL refuses that, so those are made anew. Where the column is renamed, too,
        django-pgtrigger sees to it, but loses what the triggers' comments say.
        """
        before = old_field.db_parameters(self.connection), old_field.column
        after = new_field.db_parameters(self.connection), new_field.column
        if before == after or getattr(self, "collect_sql", False):
            yield
            return
        table = table_of(model)
        standing = self._standing(model)
        dropped = [
            capture
            for capture in standing
            if capture.has_condition and old_field.column == new_field.column
        ]
        with transaction.atomic(using=self.connection.alias):
            for capture in dropped:
                self.execute(f"DROP TRIGGER {quote_name(capture.name)} ON {table}", params=None)
            yield
            for capture in dropped:
                self.execute(capture.definition, params=None)
            self._mark(
                table, standing, {capture.name: capture for capture in self._standing(model)}
            )

    def _standing(self, model: Any) -> list[_Capture]:
        """Return the capture triggers on a model's table."""
        with self.connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT
                    tgname,
                    pg_get_triggerdef(pg_trigger.oid),
                    obj_description(pg_trigger.oid, 'pg_trigger'),
                    tgenabled::text,
                    tgqual IS NOT NULL
                FROM pg_trigger
                JOIN pg_proc ON pg_proc.oid = tgfoid
                WHERE tgrelid = to_regclass(%s) AND tgparentid = 0 AND position(%s IN prosrc) > 0
                """,
                [table_of(model), WRITES_EVENTS],
            )
            return [_Capture(*row) for row in cursor.fetchall()]

    def _mark(self, table: str, before: Sequence[_Capture], now: dict[str, _Capture]) -> None:
        """Give triggers the comments that they had, and switch off those that were off."""
        for capture in before:
            name = quote_name(capture.name)
            if capture.name not in now:
                continue
            if capture.comment and now[capture.name].comment != capture.comment:
                comment = quote_literal(capture.comment)
                self.execute(f"COMMENT ON TRIGGER {name} ON {table} IS {comment}", params=None)
            if capture.enabled in _ENABLED and now[capture.name].enabled != capture.enabled:
                how = _ENABLED[capture.enabled]
                self.execute(f"ALTER TABLE {table} {how} TRIGGER {name}", params=None)

    def _bind_conditions_anew(self, model: Any) -> None:
        """Install the triggers of a model anew whose conditions are functions of its columns.

        Their arguments have the types that the columns had.
        """
        for trigger in getattr(model._meta, "triggers", ()):
            compiled = trigger if isinstance(trigger, CompiledTrigger) else trigger.compile(model)
            if getattr(compiled.sql, "when_condition", "") and self._is_installed(model, compiled):
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
        self._drop_broken()

    def remove_field(self, model: Any, field: Any) -> None:
        """Remove a field's column, and first the triggers that would miss it."""
        if field.column:
            for name, _ in self._captures_of(model, field.column):
                table = model._meta.db_table
                if table_of(model) not in self.followed_tables:
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
        self._drop_broken()

    def _drop_broken(self) -> None:
        """Drop triggers whose conditions asked what is gone now, on whatever table they are."""
        if not getattr(self, "collect_sql", False):
            installed_triggers.drop_broken(self.connection)

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
                WHERE tgrelid = to_regclass(%s) AND tgparentid = 0 AND position(%s IN prosrc) > 0
                    AND (
                        position(%s IN prosrc) > 0
                        OR EXISTS (
                            -- A condition of its own has the column.
                            SELECT
                            FROM pg_depend
                            JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid
                            WHERE classid = 'pg_trigger'::regclass AND objid = pg_trigger.oid
                                AND refclassid = 'pg_class'::regclass AND refobjid = tgrelid
                                AND attname = %s
                        )
                    )
                """,
                [
                    self.connection.ops.quote_name(model._meta.db_table),
                    WRITES_EVENTS,
                    quote_name(column),
                    column,
                ],
            )
            return list(cursor.fetchall())

    def _current_shape(self, model: Any, former: int | None) -> int:
        """Return the shape that a model's table has now, with what was masked in a ``former`` one."""
        with self.connection.cursor() as cursor:
            # First what the columns are called now, then which of them are masked.
            cursor.execute("SELECT pgaudit_log_table_of(to_regclass(%s)::oid)", [table_of(model)])
            cursor.execute(
                """
                SELECT (pgaudit_log_shape_of(to_regclass(%s)::oid, '{}'::jsonb, ''::text, ARRAY(
                    SELECT field.name
                    FROM pgaudit_log_shape AS former
                    JOIN pgaudit_log_column AS field
                        ON field.table_id = former.table_id AND number = ANY (masked)
                    WHERE former.id = %s AND attnum IS NOT NULL
                ))).shape
                """,
                [table_of(model), former],
            )
            shape: int = cursor.fetchone()[0]
        return shape
