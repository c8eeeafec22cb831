"""The columns of the captured rows ``old`` and ``new``, as expressions."""

from __future__ import annotations

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.values.column_json import differs_sql, sql_type, stored_sql
from pgaudit_log.values.quoting import quote_name
from pgaudit_log.values.tables import Field, column_of


def any_dialect(connection: BaseDatabaseWrapper | None) -> BaseDatabaseWrapper:
    """Return the connection that names column types; only its dialect matters, it is not opened."""
    if connection is not None:
        return connection
    return next((c for c in connections.all() if c.vendor == "postgresql"), connections["default"])


def column_sql(alias: str, field: Field) -> str:
    """Return a column of the row ``alias``."""
    return f"{alias}.{quote_name(column_of(field))}"


def value_sql(alias: str, field: Field, connection: BaseDatabaseWrapper) -> str:
    """Return the expression whose ``to_jsonb`` is what is stored of a column of the row ``alias``."""
    return stored_sql(column_sql(alias, field), sql_type(field, connection))


def changed_sql(field: Field, connection: BaseDatabaseWrapper) -> str:
    """Return the test whether a column differs, to the last bit, between ``old`` and ``new``."""
    return differs_sql(
        column_sql("old", field),
        column_sql("new", field),
        sql_type(field, connection),
        own_collation=bool(getattr(field, "db_collation", None)),
    )
