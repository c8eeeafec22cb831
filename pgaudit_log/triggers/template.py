"""The template of a capture function and its trigger.

Migrations refer to the classes of this module by their paths and hold what fills the
template in, so neither the template nor its defaults may ever change: a change is a class
with another name, and old migrations go on making what they made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pgtrigger.compiler import Trigger, UpsertTriggerSql


class CaptureTriggerSql(UpsertTriggerSql):
    """Makes one capture function and the trigger that calls it.

    It differs from django-pgtrigger's own template in that

    * it runs as the owner of the event table (SECURITY DEFINER), so that whoever may
      write the tracked table is captured and nobody needs to be allowed to write
      events; ``pg_temp`` stands last in its search path, so that a temporary table
      cannot take the event table's place, and nobody else may call it, so that it
      cannot be put on a table of somebody's own;
    * it pins what changes the rendering of values, and what makes the plan of one call
      slow for the next: with the JIT compiler on, a bulk update made every later single
      update on that connection cost 7.6 ms;
    * it asks for ``pgtrigger.ignore`` without an EXCEPTION block, which would start a
      subtransaction for every call;
    * it declares the variable ``context``, which the statements of the tracker fill;
    * the trigger is replaced, not dropped and made again, which locks the table less.

    The search path is taken from the session that installs it, so that any layout of
    schemas works. ``pins`` are the SET clauses of what changes the rendering of the columns.
    """

    def __init__(self, *, pins: str = "", **arguments: Any) -> None:
        self.pins = pins
        super().__init__(**arguments)

    def get_defaults(self, pgid: str) -> dict[str, str]:
        """Return what fills the template in where the arguments do not say it."""
        return {**super().get_defaults(pgid), "pins": self.pins}

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        """Return what a migration holds."""
        path, arguments, keywords = super().deconstruct()
        return path, arguments, {**keywords, **({"pins": self.pins} if self.pins else {})}

    def get_template(self) -> str:
        """Return version 1 of the template. Do not edit; see the module's docstring."""
        return """
CREATE OR REPLACE FUNCTION {pgid}()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET jit = off
SET plan_cache_mode = force_generic_plan
{pins}
AS $pgaudit_log$
#variable_conflict use_column
DECLARE
    context record;
BEGIN
    -- Most statements ignore nothing; PL/pgSQL prepares an expression where it is reached.
    IF current_setting('pgtrigger.ignore', true) <> '' THEN
        -- A trigger on a partition has another name and gives this one as its argument.
        -- The setting is {{name,name}}; read as text, because a cast of garbage would refuse the write.
        IF position(
            ',' || COALESCE(TG_ARGV[0], TG_NAME) || ','
            IN translate(current_setting('pgtrigger.ignore'), '{{}}', ',,')
        ) > 0
        THEN
            RETURN NULL;
        END IF;
    END IF;
    {func}
    RETURN NULL;
END;
$pgaudit_log$;

REVOKE ALL ON FUNCTION {pgid}() FROM PUBLIC;

DO $pgaudit_log$
BEGIN
    EXECUTE format(
        'ALTER FUNCTION {pgid}() SET search_path = pg_catalog, %s, pg_temp',
        (SELECT string_agg(quote_ident(schema), ', ') FROM unnest(current_schemas(false)) AS schema)
    );
END;
$pgaudit_log$;

CREATE OR REPLACE TRIGGER {pgid}
    {when} {operation} ON {table}
    {referencing}
    FOR EACH {level} {condition}
    EXECUTE FUNCTION {execute};

COMMENT ON TRIGGER {pgid} ON {table} IS '{hash}';
"""


class CompiledTrigger(Trigger):
    """A trigger as a migration holds it."""

    @property
    def uninstall_sql(self) -> str:
        """The SQL that drops the trigger, on whatever its table is called by now, and its function.

        Django renames the table of a renamed model before the old trigger is removed.
        """
        return f"""
DO $pgaudit_log$
DECLARE
    relation regclass;
BEGIN
    FOR relation IN
        SELECT tgrelid FROM pg_trigger
        WHERE tgname = '{self.sql.pgid}' AND tgparentid = 0 AND pg_table_is_visible(tgrelid)
    LOOP
        EXECUTE format('DROP TRIGGER {self.sql.pgid} ON %s', relation);
    END LOOP;
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgfoid = to_regproc('{self.sql.pgid}')) THEN
        DROP FUNCTION IF EXISTS {self.sql.pgid}();
    END IF;
END;
$pgaudit_log$;
"""
