"""Elsewhere: a peer's tables in another database, copied beside those of this one while they are read."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import DatabaseError, connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.constants import COPIES_SCHEMA
from pgaudit_log.importing.peer_tables import is_readable
from pgaudit_log.importing.peers import PEERS, Tables
from pgaudit_log.importing.sources import Source
from pgaudit_log.values.sql_text import Sql, template

SCHEMA = COPIES_SCHEMA
"""The schema of the copies while an import runs, of which there is one at a time."""

PLANNED = "pgaudit_log_planned"
"""The one while a plan is made: in a transaction, so that nobody ever sees it."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of a peer's in another database."""

    name: str
    """As SQL names it, there and here."""
    columns: Mapping[str, str]
    """The types of its columns by name, as SQL names both."""
    keys: tuple[str, ...]
    """The columns, as SQL names them, of each of its unique indexes."""


def tables(
    peer: str, source: str, given: Tables, wanted: Collection[type[models.Model]] | None
) -> list[Table]:
    """Return the tables that a peer may have in another database, those of some models only.

    One that is not there has no columns: its copy stands before what has its name here, but for that
    of content types.
    """
    names = [
        name
        for model, name in PEERS[peer].tables(given)
        if (wanted is None or model is None or model in wanted)
        # A copy of the log's own would be written to in its place.
        and not name.strip('"').startswith("pgaudit_log_")
    ]
    found = []
    with connections[source].cursor() as cursor:
        for name in dict.fromkeys(names):
            sql = template(__package__, "table_elsewhere.sql").sql(table=Sql.param(name))
            cursor.execute(sql.text, sql.params)
            columns, keys = cursor.fetchone()
            if not columns and name == ContentType._meta.db_table:
                # Where the peer alone has a database of its own, its records have the ids of this one.
                continue
            found.append(Table(name=name, columns=dict(columns or ()), keys=tuple(keys)))
    return found


def obstacles(source: str, using: str, found: Collection[Table] | None = None) -> Iterator[str]:
    """Yield what is in the way of copying tables from one database to another."""
    there = connections[source]
    if there.vendor != "postgresql":
        yield (
            f'The database "{source}" is {there.display_name}: what is there is read from PostgreSQL'
            " only. Load the peer's tables into a PostgreSQL database first, as pgloader does, and"
            " name that one."
        )
        return
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT has_database_privilege(current_database(), 'CREATE'), current_user::text,"
            " EXISTS (SELECT FROM pg_namespace"
            " WHERE nspname = ANY(%s) AND NOT pg_has_role(nspowner, 'USAGE'))",
            [[SCHEMA, PLANNED]],
        )
        may_create, role, is_others = cursor.fetchone()
        if not may_create or is_others:
            yield (
                f"The role {role} may not make the schemas {SCHEMA} and {PLANNED}, which have what is"
                " read meanwhile. Grant it CREATE on the database, and drop what others have of these names."
            )
        for table in found or ():
            if table.columns and not is_readable(table.name, there):
                yield (
                    f'The role may not read {table.name} in the database "{source}".'
                    " Grant it SELECT there."
                )
            for column, type_name in table.columns.items():
                cursor.execute("SELECT to_regtype(%s) IS NULL", [type_name])
                if cursor.fetchone()[0]:
                    yield (
                        f"{table.name}.{column} is of the type {type_name}, which this database does not"
                        " have. Create it, or the extension that it is of."
                    )


def settings(using: str, schema: str = SCHEMA) -> dict[str, str]:
    """Return the settings under which the copies are found in the place of what has their names here."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT current_setting('search_path')")
        [path] = cursor.fetchone()
    return {"search_path": f"{schema}, {path}"}


def found(source: Source, database: str | None, using: str, schema: str = PLANNED) -> Source:
    """Return a source as it reads the copies in a schema, where it is of another database."""
    return source if database is None else source.found_under(settings(using, schema))


@contextmanager
def copied(
    found: Collection[Table], source: str | None, using: str, schema: str = SCHEMA
) -> Iterator[None]:
    """Have copies of tables of the database ``source`` while a block runs; none without tables or one."""
    if source is None or not found:
        yield
        return
    drop(using, schema)
    try:
        _copy(found, connections[source], connections[using], schema)
        yield
    except BaseException:
        # Where the server is gone, or its transaction has failed, the next import does it.
        with suppress(DatabaseError):
            drop(using, schema)
        raise
    drop(using, schema)


def drop(using: str, schema: str = SCHEMA) -> None:
    """Drop the copies, those of an interrupted import, too."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT FROM pg_namespace WHERE nspname = %s AND pg_has_role(nspowner, 'USAGE')",
            [schema],
        )
        if cursor.fetchone() is not None:
            cursor.execute(f"DROP SCHEMA {schema} CASCADE")


def _copy(
    found: Collection[Table], there: BaseDatabaseWrapper, here: BaseDatabaseWrapper, schema: str
) -> None:
    is_outermost = not there.in_atomic_block and there.get_autocommit()
    with transaction.atomic(using=there.alias), there.cursor() as reading:
        if is_outermost:
            # All tables as of one moment: no record without its context.
            reading.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        with transaction.atomic(using=here.alias), here.cursor() as writing:
            writing.execute(f"CREATE SCHEMA {schema}")
            for table in found:
                copy = f"{schema}.{table.name}"
                columns = ", ".join(f"{name} {kind}" for name, kind in table.columns.items())
                writing.execute(f"CREATE UNLOGGED TABLE {copy} ({columns})")
                if not table.columns:
                    continue
                names = ", ".join(table.columns)
                _stream(
                    reading,
                    f"COPY (SELECT {names} FROM {table.name}) TO STDOUT (FORMAT binary)",
                    writing,
                    f"COPY {copy} ({names}) FROM STDIN (FORMAT binary)",
                )
                for key in table.keys:
                    writing.execute(f"CREATE UNIQUE INDEX ON {copy} ({key})")
                writing.execute(f"ANALYZE {copy}")


def _stream(reading: Any, read: str, writing: Any, write: str) -> None:
    """Send what one server says to the other, a block at a time."""
    if not hasattr(reading.cursor, "copy_expert"):
        with reading.copy(read) as blocks, writing.copy(write) as into:
            for block in blocks:
                into.write(block)
        return
    # psycopg2 wants files: those of a pipe, of which a thread fills one end.
    out, into = os.pipe()
    errors: list[BaseException] = []

    def fill() -> None:
        try:
            with os.fdopen(into, "wb") as file:
                reading.copy_expert(read, file)
        except BaseException as error:
            # Where the other end was closed, it says why.
            if not isinstance(error, BrokenPipeError):
                errors.append(error)

    thread = threading.Thread(target=fill)
    thread.start()
    try:
        with os.fdopen(out, "rb") as file:
            writing.copy_expert(write, file)
    finally:
        thread.join()
        if errors:
            raise errors[0]
