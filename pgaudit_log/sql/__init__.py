"""The SQL of this package: one function or table a file, laid out to be read in psql."""

from __future__ import annotations

from functools import cache
from importlib import resources

from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.identifiers import quote_name

SCHEMA_FILES = (
    "database.sql",
    "tracked_table.sql",
    "shape.sql",
    "event_table.sql",
    "parse_jsonb.sql",
    "is_valid.sql",
    "context.sql",
    "context_once.sql",
    "snapshot.sql",
    "table_of.sql",
    "label_of.sql",
    "shape_of.sql",
    "current_shape.sql",
    "renamed.sql",
    "note_large.sql",
    "stored_at.sql",
    "resolved.sql",
    "refuse_strangers.sql",
    "bind_condition.sql",
    "state.sql",
    "refuse_change.sql",
    "append_only.sql",
)
"""The files that make the schema, in the order in which they can be run."""

SCHEMA = "@schema@"
"""What stands in the files for the schema that they are run in.

Functions do not look along the path of a session, where anybody might have put something, so
they name the schema of what they use.
"""


@cache
def read(name: str) -> str:
    """Return the text of the ``.sql`` file ``name`` of this folder."""
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")


def template() -> str:
    """Return the SQL that makes, or completes, the event table with its functions, for any schema.

    It may be run again: what exists already stays as it is, functions are replaced.
    """
    return "\n".join(read(name) for name in SCHEMA_FILES)


def in_schema(template: str, connection: BaseDatabaseWrapper) -> str:
    """Return ``template`` for the schema in which a connection makes tables: the first of its path."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        [schema] = cursor.fetchone()
    return template.replace(SCHEMA, quote_name(schema))
