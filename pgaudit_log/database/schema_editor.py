"""Keeps capture working while a migration changes, renames or removes a column under its triggers.

Capture functions name their columns. ``makemigrations`` removes a trigger before it changes
a column and adds it anew after; a migration written by hand may not, and the next write to
the table would fail until it does.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
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
    followed_tables: frozenset[str] = frozenset()
    """The tables, named in SQL, whose triggers are made anew once an operation is through."""
    _until_altered: ExitStack | None = None
    """What is done once the type of a column is altered: the next statement."""
    _retyped: dict[str, Any]
    """The models of which a column has another type since a field is altered, by table."""

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
        self._retyped = {}
        try:
            result = super()._alter_field(model, old_field, new_field, *args, **kw)  # type: ignore[misc]
        except BaseException:
            self._give_up()
            raise
        if is_renamed:
            for _, definition in self._captures_of(model, old_field.column):
                renamed = with_column_renamed(definition, old_field.column, new_field.column)
                shape = self._current_shape(model, shape_in(definition))
                self.execute(with_shape(renamed, shape), params=None)
        for retyped in self._retyped.values():
            self._bind_conditions_anew(retyped)
        return result

    def _alter_column_type_sql(self, model: Any, old_field: Any, new_field: Any, *args: Any) -> Any:
        """Return what alters a column's type, after putting aside the triggers for which it is refused.

        PostgreSQL refuses it where triggers have the column in their conditions, and Django does it for
        a new comment, too, and to columns that point at an altered one. django-pgtrigger sees to some
        of it, but loses what the triggers' comments say, and whether they were off.
        """
        made = super()._alter_column_type_sql(model, old_field, new_field, *args)  # type: ignore[misc]
        if not getattr(self, "collect_sql", False):
            if old_field.db_parameters(self.connection) != new_field.db_parameters(self.connection):
                self._retyped[table_of(model)] = model
            aside = [capture for capture in self._standing(model) if capture.has_condition]
            if aside:
                with ExitStack() as stack:
                    stack.enter_context(transaction.atomic(using=self.connection.alias))
                    stack.enter_context(self._without(table_of(model), aside))
                    self._until_altered = stack.pop_all()
        return made

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        """Carry out a statement, and make anew what was put aside for it.

        At once, because the next one may write a default into rows.
        """
        until_altered, self._until_altered = self._until_altered, None
        with until_altered or nullcontext():
            return super().execute(*args, **kwargs)  # type: ignore[misc]

    def _give_up(self) -> None:
        """Take back that triggers were put aside, if what they are in the way of never came."""
        until_altered, self._until_altered = self._until_altered, None
        if until_altered:
            until_altered.__exit__(*sys.exc_info())

    @contextmanager
    def _without(self, table: str, captures: Sequence[_Capture]) -> Iterator[None]:
        """Let a block find a table without some of its triggers."""
        for capture in captures:
            self.execute(f"DROP TRIGGER {quote_name(capture.name)} ON {table}", params=None)
        yield
        for capture in captures:
            name = quote_name(capture.name)
            self.execute(capture.definition, params=None)
            if capture.comment:
                comment = quote_literal(capture.comment)
                self.execute(f"COMMENT ON TRIGGER {name} ON {table} IS {comment}", params=None)
            self._switch(capture, table)

    def _switch(self, capture: _Capture, table: str) -> None:
        """Switch a trigger that was made anew to what it was."""
        if capture.enabled in _ENABLED:
            how = f"{_ENABLED[capture.enabled]} TRIGGER {quote_name(capture.name)}"
            self.execute(f"ALTER TABLE {table} {how}", params=None)

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

    def _bind_conditions_anew(self, model: Any) -> None:
        """Install the triggers of a model anew whose conditions are functions of its columns.

        Their arguments have the types that the columns had.
        """
        for trigger in getattr(model._meta, "triggers", ()):
            compiled = trigger if isinstance(trigger, CompiledTrigger) else trigger.compile(model)
            if not getattr(compiled.sql, "when_condition", ""):
                continue
            for standing in self._standing(model):
                if standing.name == compiled.sql.pgid:
                    self.execute(compiled.install_sql, params=None)
                    self._switch(standing, table_of(model))

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
