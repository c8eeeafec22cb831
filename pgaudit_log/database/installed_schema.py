"""The installed schema: where the tables, functions and guards of a database differ from the SQL."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from django.db import connections
from django.db.backends.utils import CursorWrapper

from pgaudit_log import sql
from pgaudit_log.constants import DEFAULT_PARTITION, EVENT_TABLE
from pgaudit_log.database.written_schema import (
    Column,
    Function,
    Table,
    functions,
    indexes,
    plain,
    tables,
    template,
)

GUARDS = ("pgaudit_log_refuse_change", "pgaudit_log_refuse_truncate")
"""The triggers that keep the event table append-only, and the tables of names and shapes with it."""

KEPT = ("pgaudit_log_label", "pgaudit_log_shape", "pgaudit_log_mask_key")
"""The tables beside the event table whose rows stay as they are."""

UPDATED = (
    "pgaudit_log_incarnation",
    "pgaudit_log_table",
    "pgaudit_log_column",
    "pgaudit_log_horizon",
    "pgaudit_log_hold",
)
"""Those whose rows stay, and are brought up to date."""

REPLACED = ("pgaudit_log_declared_label", "pgaudit_log_granted_role")
"""Those whose rows are what holds now, and go with it."""

OWN_TABLES = (EVENT_TABLE, *KEPT, *UPDATED, *REPLACED)
"""All tables of this package."""


class Fault(NamedTuple):
    """Something of ours that is missing, or is not as the SQL of this package makes it."""

    name: str
    """What it is, and its name."""
    remedy: tuple[str, ...] = ()
    """What has to be run before the SQL is run again, which mends it."""
    is_mendable: bool = True
    """Whether it can be mended without harm to events that are there."""


def faults(using: str, schema: str) -> list[Fault]:
    """Return what a schema, given as a name in SQL, lacks, or has otherwise than it should be."""
    with connections[using].cursor() as cursor:
        found = [
            *_tables_at_fault(cursor, schema),
            *_default_partition_at_fault(cursor, schema),
            *_indexes_at_fault(cursor, schema),
            *_functions_at_fault(cursor, schema),
        ]
        cursor.execute(
            sql.read("guards.sql"),
            {
                "events": f"{schema}.{EVENT_TABLE}",
                "kept": [f"{schema}.{name}" for name in KEPT],
                "updated": [f"{schema}.{name}" for name in UPDATED],
                "refuse": f"{schema}.pgaudit_log_refuse_change()",
            },
        )
        return [*found, *(Fault(f"trigger {name} on {table}") for table, name in cursor.fetchall())]


def _installed_tables(
    cursor: CursorWrapper, schema: str, names: Sequence[str]
) -> dict[str, tuple[bool, Table, dict[tuple[str, tuple[str, ...]], str]]]:
    """Return the tables that there are: whether each is logged, what it is, and its constraints' names."""
    cursor.execute(sql.read("own_tables.sql"), {"schema": schema, "names": list(names)})
    found = {}
    for name, is_logged, *parts in cursor.fetchall():
        # Some drivers leave JSON to be read.
        columns, constraints = (json.loads(p) if isinstance(p, str) else p for p in parts)
        called = {(kind, tuple(on or ())): known_as for kind, on, known_as in constraints}
        table = Table({column: Column(*rest) for column, *rest in columns}, frozenset(called))
        found[name] = (is_logged, table, called)
    return found


def _tables_at_fault(cursor: CursorWrapper, schema: str) -> Iterator[Fault]:
    expected = tables(template())
    installed = _installed_tables(cursor, schema, list(expected))
    for name, table in expected.items():
        if name not in installed:
            yield Fault(f"table {name}")
            continue
        is_logged, there, _ = installed[name]
        if not is_logged:
            yield Fault(f"table {name}, which is UNLOGGED", is_mendable=False)
        for column, wanted in table.columns.items():
            yield from _column_at_fault(name, column, wanted, there.columns.get(column), schema)
        for kind, columns in sorted(table.constraints - there.constraints):
            yield Fault(f"{_CONSTRAINTS[kind]} ({', '.join(columns)}) of {name}", is_mendable=False)


_CONSTRAINTS = {"p": "primary key", "u": "unique key", "f": "foreign key", "c": "check"}


def _column_at_fault(
    table: str, name: str, wanted: Column, there: Column | None, schema: str
) -> Iterator[Fault]:
    what = f"column {table}.{name}"
    alter = f"ALTER TABLE {schema}.{table} ALTER COLUMN {name}"
    if there is None or (wanted.type, wanted.identity, wanted.collation) != (
        there.type,
        there.identity,
        there.collation,
    ):
        yield Fault(what, is_mendable=False)
        return
    # What the default of txid is, depends on the incarnation.
    has_default = (there.default or "").lower() == (wanted.default or "").lower()
    if not has_default and (table, name) != (EVENT_TABLE, "txid"):
        change = f"SET DEFAULT {wanted.default}" if wanted.default else "DROP DEFAULT"
        yield Fault(f"default of {table}.{name}", (f"{alter} {change}",))
    if wanted.is_required != there.is_required:
        change = "SET" if wanted.is_required else "DROP"
        yield Fault(f"NOT NULL of {table}.{name}", (f"{alter} {change} NOT NULL",))


def _default_partition_at_fault(cursor: CursorWrapper, schema: str) -> Iterator[Fault]:
    cursor.execute(
        """
        SELECT
            to_regclass(%s) IS NOT NULL,
            EXISTS (
                SELECT FROM pg_inherits
                JOIN pg_class ON pg_class.oid = inhrelid
                WHERE inhparent = to_regclass(%s)
                    AND pg_get_expr(relpartbound, pg_class.oid) = 'DEFAULT'
            )
        """,
        [f"{schema}.{DEFAULT_PARTITION}", f"{schema}.{EVENT_TABLE}"],
    )
    is_there, is_attached = cursor.fetchone()
    if is_attached:
        return
    attach = (
        f"ALTER TABLE {schema}.{EVENT_TABLE} ATTACH PARTITION {schema}.{DEFAULT_PARTITION} DEFAULT"
    )
    yield Fault(f"table {DEFAULT_PARTITION}", (attach,) if is_there else ())


def _indexes_at_fault(cursor: CursorWrapper, schema: str) -> Iterator[Fault]:
    cursor.execute(sql.read("own_indexes.sql"), {"schema": schema})
    installed = {name: (plain(text), is_valid) for name, text, is_valid in cursor.fetchall()}
    for name, definition in indexes(template()).items():
        if name not in installed:
            yield Fault(f"index {name}")
        elif installed[name] != (definition, True):
            yield Fault(f"index {name}", (f"DROP INDEX {schema}.{name}",))


def _installed_functions(
    cursor: CursorWrapper, schema: str, names: Sequence[str]
) -> list[tuple[str, str, Function]]:
    """Return name, signature and what it is of each function that has one of the names."""
    cursor.execute(sql.read("own_functions.sql"), {"schema": schema, "names": list(names)})
    fields = [column[0] for column in cursor.description][2:]
    found = []
    for name, signature, *values in cursor.fetchall():
        given = dict(zip(fields, values, strict=True))
        found.append(
            (name, signature, Function(**{**given, "settings": frozenset(given["settings"])}))
        )
    return found


def _functions_at_fault(cursor: CursorWrapper, schema: str) -> Iterator[Fault]:
    expected = functions(template())
    there = {
        (name, function.arguments): (signature, function)
        for name, signature, function in _installed_functions(cursor, schema, list(expected))
    }
    for name, wanted in expected.items():
        if (name, wanted.arguments) not in there:
            # One whose arguments only have other names or defaults has the place of it.
            yield Fault(f"function {name}", _former(name, wanted, there))
            continue
        signature, found = there[name, wanted.arguments]
        if wanted.result is not None and found.result != wanted.result:
            yield Fault(f"function {name}", (f"DROP FUNCTION {signature}",))
        elif found._replace(result=None, is_public=found.is_public and not wanted.is_public) != (
            wanted._replace(result=None, is_public=False, body=sql.in_schema(wanted.body, schema))
        ):
            yield Fault(f"function {name}")


def _former(name: str, wanted: Function, there: Any) -> tuple[str, ...]:
    types = _types(wanted.arguments)
    return tuple(
        f"DROP FUNCTION {signature}"
        for (called, arguments), (signature, _) in there.items()
        if called == name and _types(arguments) == types
    )


def _types(arguments: str) -> list[str]:
    """Return the types of the arguments that a call gives."""
    given = [part for part in arguments.split(", ") if part and not part.startswith("OUT ")]
    return [re.sub(r" DEFAULT .*$", "", part).split(" ", 1)[-1] for part in given]


def strangers(using: str, schema: str) -> list[str]:
    """Return what others have put on our tables, or beside our functions, as PostgreSQL calls it.

    Triggers, rules and constraints could change, drop or refuse what is captured.
    """
    expected = tables(template())
    with connections[using].cursor() as cursor:
        cursor.execute(
            sql.read("strangers_on_own_tables.sql"),
            {"tables": [f"{schema}.{name}" for name in expected], "guards": list(GUARDS)},
        )
        found = [description for (description,) in cursor.fetchall()]
        for name, (_, _, constraints) in _installed_tables(cursor, schema, list(expected)).items():
            others = constraints.keys() - expected[name].constraints
            found += [
                f"constraint {constraints[other]} on table {name}" for other in sorted(others)
            ]
        ours = functions(template())
        for name, signature, function in _installed_functions(cursor, schema, list(ours)):
            if _types(function.arguments) != _types(ours[name].arguments):
                found.append(f"function {signature}")
    return found
