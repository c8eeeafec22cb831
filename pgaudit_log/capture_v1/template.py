"""The template of a capture function and its trigger."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from pgtrigger.compiler import UpsertTriggerSql

from pgaudit_log.capture_v1.layout import indented
from pgaudit_log.capture_v1.quoting import quote_literal, quote_table
from pgaudit_log.capture_v1.settings import ALWAYS_PINNED

_BODY = """
-- Captures the changes of one tracker of django-pgaudit-log; a migration made it. Do not edit it:
-- "manage.py check --database default" tells of edits, "manage.py pgaudit_log install" takes them back.
-- Documentation: https://django-pgaudit-log.readthedocs.io/
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
            -- Anybody can set it; it counts of a role that could write the log itself.
            IF @schema@.pgaudit_log_may_write() THEN
                RETURN NULL;
            END IF;
        END IF;
        -- Taken where triggers of others may write to the table before this one captures.
        turn := @schema@.pgaudit_log_turn(TG_RELID, TG_OP);
    END IF;
{statements}
    RETURN NULL;
END;
"""
"""The body of a capture function around its statements; like the template it never changes."""

_BIND = """EXECUTE 'SELECT ' || audit || '.pgaudit_log_bind_condition($1, $2, $3, $4, $5)'
    INTO types
    USING
        tracked,
        home || '.{function}',
        replace($pgaudit_log_condition${when_condition}$pgaudit_log_condition$, '@percent@', chr(37)),
        replace(ARRAY[{when_columns}]::text[]::text, '@percent@', chr(37))::text[],
        path;"""


_DECLARE_TYPES = """
    types jsonb;"""


_FILL_IN_TYPES = """
    FOR label IN SELECT key, value FROM jsonb_each_text(types) LOOP
        source := replace(source, '@type of ' || label.key || '@', label.value);
    END LOOP;"""


_NOTE_LARGE = """
    EXECUTE 'SELECT ' || audit || '.pgaudit_log_note_large($1, $2)'
    USING
        tracked,
        ARRAY(
            SELECT replace(name, '@percent@', chr(37))
            FROM unnest(ARRAY[{large}]::text[]) AS name
        );"""


_MASKED = """,
        ARRAY(
            SELECT replace(name, '@percent@', chr(37))
            FROM unnest(ARRAY[{names}]::text[]) AS name
        )"""


class CaptureTriggerSql(UpsertTriggerSql):
    """The SQL that makes a capture function, and the trigger that calls it.

    The function differs from what django-pgtrigger's own template makes:

    * It runs as the owner of the event table (SECURITY DEFINER): who may write the tracked table
      is captured, and nobody needs to be allowed to write events. So its search path has only
      PostgreSQL's own functions, what else it uses is named with its schema, and nobody may call
      it but the trigger; else others could put something of theirs in the place of what it uses,
      or put it on a table of theirs.
    * It knows the shape that the table has when it is installed, and writes it into each event.
    * It pins the settings that change how values are rendered, and those that let the plan of one
      call be slow for the next: with the JIT compiler on, a bulk update made every later single
      update on that connection cost 7.6 ms.
    * It asks for ``pgtrigger.ignore`` without an EXCEPTION block, which would start a
      subtransaction at each call.
    * It declares the variable ``context``, which the statements of the tracker fill.

    The trigger is replaced, not dropped and made again, which locks the table less. The schemas
    are those that the session which installs it has in its search path.

    Args:
        func: the statements of the function, as ``body.capture_sql`` returns them.
        table: the table that the trigger is on.
        targets: the tables behind the labels that events have; the labels stand in the function
            between at signs, ``@shop.Order@``, until it is installed.
        pins: the settings that change the rendering of the columns, with what they are pinned to.
        when_condition: SQL of the project's own in the condition, as an expression of the
            columns ``"old.column"`` and ``"new.column"``; it becomes a function.
        when_columns: the names of these columns, without quotes.
        large: the names of the large columns.
        masked: the names of the masked columns, which the shape of the events tells.
        arguments: what django-pgtrigger's template takes.
    """

    def __init__(
        self,
        *,
        func: str,
        table: str,
        targets: Mapping[str, Sequence[str]],
        pins: Mapping[str, str] | None = None,
        when_condition: str = "",
        when_columns: Sequence[str] = (),
        large: Sequence[str] = (),
        masked: Sequence[str] = (),
        **arguments: Any,
    ) -> None:
        self.statements = func
        self.tracked = table
        # Whatever order Django writes a dict into a migration in.
        self.targets = {label: list(targets[label]) for label in sorted(targets)}
        self.pins = dict(sorted((pins or {}).items()))
        self.when_condition = when_condition
        self.when_columns = list(when_columns)
        self.large = list(large)
        self.masked = list(masked)
        super().__init__(func=self.statements, table=table, **arguments)
        # django-pgtrigger sends it with parameters in front in pgtrigger.schema(), else without.
        self.data = self.data.replace("%", "@percent@")

    @property
    def settings(self) -> dict[str, str]:
        """The settings that the function pins, with what they are pinned to."""
        return {**ALWAYS_PINNED, **self.pins}

    @cached_property
    def body(self) -> str:
        """The body of the function, with what is filled in when it is installed between at signs."""
        return _BODY.format(statements=indented(self.statements))

    def get_defaults(self, pgid: str) -> dict[str, str]:
        """Return what fills the template in where the arguments do not say it."""
        settings = [f"SET {name} = {value}" for name, value in ALWAYS_PINNED.items()]
        settings += [f"SET \"{name}\" = '{value}'" for name, value in self.pins.items()]
        targets = quote_literal(json.dumps(self.targets, ensure_ascii=False))
        table = quote_literal(quote_table(self.tracked))
        return {
            **super().get_defaults(pgid),
            "settings": "\n".join(settings),
            "body": self.body,
            "bind": self._bind_sql(pgid) if self.when_condition else "",
            "declare_types": _DECLARE_TYPES if self.when_condition else "",
            "fill_in_types": _FILL_IN_TYPES if self.when_condition else "",
            "note_large": _NOTE_LARGE.format(large=_literals(self.large)) if self.large else "",
            "masked_parameter": ", $4" if self.masked else "",
            "masked": _MASKED.format(names=_literals(self.masked)) if self.masked else "",
            "relation": f"replace({table}, '@percent@', pg_catalog.chr(37))",
            "targets": f"replace({targets}, '@percent@', chr(37))",
        }

    def _bind_sql(self, pgid: str) -> str:
        """Return the statement that makes the function of the free condition."""
        return _BIND.format(
            function=condition_function(pgid),
            when_condition=self.when_condition,
            when_columns=_literals(self.when_columns),
        )

    def get_template(self) -> str:
        """Return the template. It has no percent sign, because it may be sent with parameters or without."""
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
    labels jsonb;{declare_types}
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
    EXECUTE 'SELECT (' || audit || '.pgaudit_log_shape_of($1, $2, $3{masked_parameter})).*'
    INTO shape, labels
    USING tracked, {targets}::jsonb, path{masked};
    {bind}{note_large}
    source := $pgaudit_log_capture$
CREATE OR REPLACE FUNCTION @home@.{pgid}()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
{settings}
AS $pgaudit_log${body}$pgaudit_log$
$pgaudit_log_capture$;
    source := replace(source, '@percent@', chr(37));
    source := replace(replace(replace(source, '@home@', home), '@schema@', audit), '@shape@', shape::text);
    FOR label IN SELECT key, value FROM jsonb_each_text(labels) LOOP
        source := replace(
            source,
            '@' || replace(label.key, chr(39), chr(39) || chr(39)) || '@',
            replace(label.value, chr(39), chr(39) || chr(39))
        );
    END LOOP;{fill_in_types}
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


def _literals(names: Iterable[str]) -> str:
    """Return names as the elements of an array in SQL."""
    return ", ".join(quote_literal(name) for name in names)


def condition_function(pgid: str) -> str:
    """Return the name of the function that the free condition of a trigger becomes."""
    return "pgaudit_log_when_" + hashlib.sha1(pgid.encode(), usedforsecurity=False).hexdigest()[:16]
