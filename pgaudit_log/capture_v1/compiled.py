"""The compiled trigger of a capture: its data, and the SQL that is made of them."""

from __future__ import annotations

from functools import cached_property
from typing import NoReturn
from weakref import WeakValueDictionary

from pgtrigger.compiler import Trigger

from pgaudit_log.capture_v1.body import capture_sql
from pgaudit_log.capture_v1.data import CaptureData, Table, quoted_tables
from pgaudit_log.capture_v1.settings import PINNED
from pgaudit_log.capture_v1.template import CaptureTriggerSql, condition_function

_REFERENCING = {
    "INSERT": "REFERENCING NEW TABLE AS new_values ",
    "UPDATE": "REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ",
    "DELETE": "REFERENCING OLD TABLE AS old_values ",
}
"""The transition tables of statement-level triggers, spaced as django-pgtrigger does it."""


_with_sql: WeakValueDictionary[str, CompiledTrigger] = WeakValueDictionary()
"""Triggers whose SQL is made, by what the database calls them.

``migrate`` compares what it has installed with what is declared, and need not make that anew.
"""


class CompiledTrigger(Trigger):
    """A trigger as the state of a migration holds it."""

    def __init__(self, table: Table, data: CaptureData) -> None:
        # Not the one of the base class: the SQL is made when it is asked for, which is seldom.
        self.name = data.name
        self.table = table
        self.data = data

    def __eq__(self, other: object) -> bool:
        """Return whether the other makes the same SQL; its data may differ in what this one does not use."""
        if not isinstance(other, CompiledTrigger):
            return False
        if (self.table, self.data) == (other.table, other.data):
            return True
        return self.name == other.name and self.sql == other.sql

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"CompiledTrigger({self.table!r}, {self.data!r})"

    def deconstruct(self) -> NoReturn:
        """Raise, because a migration holds it as a part of ``AddCaptureTriggers``.

        Raises:
            TypeError: says so.
        """
        raise TypeError(
            f"The capture trigger {self.name} of {self.table.model} cannot be written by itself. Let"
            " the autodetector of pgaudit_log make the migration, which makes"
            ' pgaudit_log.capture_v1.AddCaptureTriggers of it: is "pgaudit_log" in INSTALLED_APPS,'
            " and does makemigrations use the autodetector that it has put in the place of Django's?"
        )

    @property
    def is_bound(self) -> bool:
        """Whether its condition is a function of columns, which goes by their types."""
        return self.data.is_statement_level and self.data.condition is not None

    @cached_property
    def sql(self) -> CaptureTriggerSql:  # type: ignore[override]
        """The SQL that makes it."""
        same = _with_sql.get(self.data.pgid)
        if same is not None and (same.table, same.data) == (self.table, self.data):
            return same.sql
        made = self._made_sql()
        _with_sql[self.data.pgid] = self
        return made

    def _made_sql(self) -> CaptureTriggerSql:
        data, table = self.data, self.table
        has_rows = data.operation != "TRUNCATE"
        pins = table.pins if has_rows else table.key_pins
        if data.condition is not None:
            pins = tuple(PINNED)  # it may be anything
        return CaptureTriggerSql(
            pgid=data.pgid,
            func=capture_sql(table, data, condition_function(data.pgid)),
            table=table.name,
            when="AFTER",
            operation=data.operation,
            referencing=_REFERENCING.get(data.operation, "") if data.is_statement_level else "",
            level=data.level,
            condition=self._when_clause(),
            pins={name: PINNED[name] for name in pins},
            targets=quoted_tables(table.model, table.name, table.targets),
            large=list(table.large) if has_rows else [],
            masked=list(table.masks),
            when_condition=(data.condition or "") if self.is_bound else "",
            when_columns=data.condition_columns,
        )

    def _when_clause(self) -> str:
        """Return the WHEN clause of a row-level trigger."""
        if self.data.is_statement_level:
            return ""
        sql = self.data.condition or (self.data.changes and self.data.changes.sql())
        # A condition may end with a comment.
        return f"WHEN ({sql}\n    )" if sql else ""

    @property
    def uninstall_sql(self) -> str:
        """The SQL that drops the trigger, on whatever its table is called by now, and its function.

        Django renames the table of a renamed model before the old trigger is removed. It has no
        percent sign, because it may be sent with parameters or without.
        """
        return f"""
DO $pgaudit_log$
DECLARE
    relation regclass;
BEGIN
    FOR relation IN
        SELECT tgrelid FROM pg_trigger
        WHERE tgname = '{self.data.pgid}' AND tgparentid = 0 AND pg_table_is_visible(tgrelid)
    LOOP
        EXECUTE 'DROP TRIGGER {self.data.pgid} ON ' || relation;
    END LOOP;
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgfoid = to_regproc('{self.data.pgid}')) THEN
        DROP FUNCTION IF EXISTS {self.data.pgid}();
        DROP FUNCTION IF EXISTS {condition_function(self.data.pgid)};
    END IF;
END;
$pgaudit_log$;
"""
