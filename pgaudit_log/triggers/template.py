"""The template of a capture function and its trigger.

Migrations refer to the classes of this module by their paths and hold what fills the
template in, so neither the template nor its defaults may ever change: a change is a class
with another name, and old migrations go on making what they made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from pgtrigger.compiler import Trigger, UpsertTriggerSql
from pgtrigger.utils import quote

from pgaudit_log.values.quoting import quote_literal


class CaptureTriggerSql(UpsertTriggerSql):
    """Makes one capture function and the trigger that calls it.

    It differs from django-pgtrigger's own template in that

    * it runs as the owner of the event table (SECURITY DEFINER), so that whoever may
      write the tracked table is captured and nobody needs to be allowed to write
      events; its search path has PostgreSQL's own functions only, and what else it uses is named
      with its schema, so that nobody can put something of their own in the place of it; and
      nobody else may call it, so that it cannot be put on a table of somebody's own;
    * it knows the shape that the table has as it is installed, and writes it into each event;
    * it pins what changes the rendering of values, and what makes the plan of one call
      slow for the next: with the JIT compiler on, a bulk update made every later single
      update on that connection cost 7.6 ms;
    * it asks for ``pgtrigger.ignore`` without an EXCEPTION block, which would start a
      subtransaction for every call;
    * it declares the variable ``context``, which the statements of the tracker fill;
    * the trigger is replaced, not dropped and made again, which locks the table less.

    The schemas are taken from the session that installs it, so that any layout of schemas works.

    Args:
        pins: the SET clauses of what changes the rendering of the columns.
        targets: the tables behind the labels that events have, as a literal; the labels stand
            in the function between at signs, ``@shop.Order@``, until it is installed.
        when_condition: SQL of the project's own in the condition, as an expression of the
            columns ``"old.column"`` and ``"new.column"``; it becomes a function.
        when_columns: the names in it, as the elements of a ``text[]``.
        large: the names of the large columns, as the elements of a ``text[]``.
    """

    def __init__(
        self,
        *,
        targets: str,
        pins: str = "",
        when_condition: str = "",
        when_columns: str = "",
        large: str = "",
        **arguments: Any,
    ) -> None:
        own = {
            "pins": pins,
            "targets": targets,
            "when_condition": when_condition,
            "when_columns": when_columns,
            "large": large,
        }
        self.own = {name: value for name, value in own.items() if value}
        self.tracked = str(arguments["table"])
        super().__init__(**arguments)
        # django-pgtrigger sends it with parameters in front in pgtrigger.schema(), else without.
        self.data = self.data.replace("%", "@percent@")

    def get_defaults(self, pgid: str) -> dict[str, str]:
        """Return what fills the template in where the arguments do not say it."""
        own = {"pins": "", "when_columns": "", **self.own}
        own["bind"] = (
            _BIND.format(function=condition_function(pgid), **own)
            if "when_condition" in own
            else ""
        )
        own["note_large"] = _NOTE_LARGE.format(**own) if "large" in own else ""
        table = str(quote(self.tracked))  # type: ignore[no-untyped-call]
        own["relation"] = f"replace({quote_literal(table)}, '@percent@', pg_catalog.chr(37))"
        return {**super().get_defaults(pgid), **own}

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        """Return what a migration holds."""
        path, arguments, keywords = super().deconstruct()
        return path, arguments, {**keywords, **self.own}

    def get_template(self) -> str:
        """Return version 1 of the template. Do not edit; see the module's docstring.

        It has no percent sign, because it may be sent with parameters or without.
        """
        return """
DO $pgaudit_log_install$
DECLARE
    path text := pg_catalog.current_setting('search_path');
    -- The schemas of the function and of the event table.
    home text := pg_catalog.quote_ident(pg_catalog.current_schema()::text);
    audit text;
    tracked oid := pg_catalog.to_regclass(pg_catalog.{relation});
    events oid := pg_catalog.to_regclass('pgaudit_log_event');
    shape integer;
    labels jsonb;
    label record;
    source text;
BEGIN
    IF events IS NULL THEN
        RAISE EXCEPTION 'pgaudit_log: the table pgaudit_log_event is not in the search path'
        USING HINT = 'Run migrate pgaudit_log first.';
    END IF;
    IF tracked IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_table',
            MESSAGE = 'pgaudit_log: the table ' || pg_catalog.{relation}
                || ' does not exist, which {pgid} should be on',
            HINT = 'If its app has no migrations, run migrate --run-syncdb.'
                || ' If another migration makes it, let this one depend on that.';
    END IF;
    -- From here on every name means what PostgreSQL means by it.
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    SELECT quote_ident(nspname) INTO audit
    FROM pg_class
    JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE pg_class.oid = events;
    EXECUTE 'SELECT (' || audit || '.pgaudit_log_shape_of($1, $2, $3)).*'
    INTO shape, labels
    USING tracked, replace({targets}, '@percent@', chr(37))::jsonb, path;
    {bind}{note_large}
    source := $pgaudit_log_capture$
CREATE OR REPLACE FUNCTION @home@.{pgid}()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET jit = off
SET plan_cache_mode = force_generic_plan
{pins}
AS $pgaudit_log$
#variable_conflict use_column
<<capture>>
DECLARE
    shape CONSTANT integer := @shape@;
    turn bigint;
    context record;
BEGIN
    -- Most statements need none of this; PL/pgSQL prepares an expression where it is reached.
    IF concat(
        current_setting('pgtrigger.ignore', true),
        current_setting('pgaudit_log.turns', true)
    ) <> '' THEN
        -- A trigger on a partition has another name and gives this one as its argument.
        -- The setting is {{name,name}}; read as text, because a cast of garbage would refuse the write.
        IF position(
            ',' || COALESCE(TG_ARGV[0], TG_NAME) || ','
            IN translate(current_setting('pgtrigger.ignore', true), '{{}}', ',,')
        ) > 0
        THEN
            RETURN NULL;
        END IF;
        -- Taken where triggers of others may write to the table before this one captures.
        turn := @schema@.pgaudit_log_turn(TG_RELID, TG_OP);
    END IF;
    {func}
    RETURN NULL;
END;
$pgaudit_log$
$pgaudit_log_capture$;
    source := replace(source, '@percent@', chr(37));
    source := replace(replace(replace(source, '@home@', home), '@schema@', audit), '@shape@', shape::text);
    FOR label IN SELECT key, value FROM jsonb_each_text(labels) LOOP
        source := replace(
            source,
            '@' || replace(label.key, chr(39), chr(39) || chr(39)) || '@',
            replace(label.value, chr(39), chr(39) || chr(39))
        );
    END LOOP;
    EXECUTE source;
    EXECUTE 'REVOKE ALL ON FUNCTION ' || home || '.{pgid}() FROM PUBLIC';

    -- The condition of a row-level trigger may be SQL of the project's.
    PERFORM set_config('search_path', path, true);
    EXECUTE pg_catalog.replace($pgaudit_log_capture$
CREATE OR REPLACE TRIGGER {pgid}
    {when} {operation} ON {table}
    {referencing}
    FOR EACH {level} {condition}
    EXECUTE FUNCTION {execute}
$pgaudit_log_capture$, '@percent@', pg_catalog.chr(37));
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    EXECUTE 'SELECT ' || audit || '.pgaudit_log_refuse_strangers($1, $2, $3)'
    USING
        'pg_trigger'::regclass::oid,
        (SELECT oid FROM pg_trigger WHERE tgrelid = tracked AND tgname = '{pgid}'),
        'the trigger {pgid}'::text;
    EXECUTE 'COMMENT ON TRIGGER {pgid} ON ' || tracked::regclass || ' IS ' || quote_literal('{hash}');
    PERFORM set_config('search_path', path, true);
END;
$pgaudit_log_install$;
"""


_BIND = """EXECUTE 'SELECT ' || audit || '.pgaudit_log_bind_condition($1, $2, $3, $4, $5)'
    USING
        tracked,
        home || '.{function}',
        replace($pgaudit_log_condition${when_condition}$pgaudit_log_condition$, '@percent@', chr(37)),
        replace(ARRAY[{when_columns}]::text[]::text, '@percent@', chr(37))::text[],
        path;"""


_NOTE_LARGE = """
    EXECUTE 'SELECT ' || audit || '.pgaudit_log_note_large($1, $2)'
    USING
        tracked,
        ARRAY(
            SELECT replace(name, '@percent@', chr(37))
            FROM unnest(ARRAY[{large}]::text[]) AS name
        );"""


def condition_function(pgid: str) -> str:
    """Return the name of the function of a trigger's condition."""
    return "pgaudit_log_when_" + hashlib.sha1(pgid.encode(), usedforsecurity=False).hexdigest()[:16]


class CompiledTrigger(Trigger):
    """A trigger as a migration holds it."""

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
        WHERE tgname = '{self.sql.pgid}' AND tgparentid = 0 AND pg_table_is_visible(tgrelid)
    LOOP
        EXECUTE 'DROP TRIGGER {self.sql.pgid} ON ' || relation;
    END LOOP;
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgfoid = to_regproc('{self.sql.pgid}')) THEN
        DROP FUNCTION IF EXISTS {self.sql.pgid}();
        DROP FUNCTION IF EXISTS {condition_function(self.sql.pgid)};
    END IF;
END;
$pgaudit_log$;
"""
