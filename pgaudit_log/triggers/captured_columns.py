"""Captured columns: what a capture has to know of the columns and the key of a model's table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.capture_v1.columns import Column, Mask
from pgaudit_log.capture_v1.keys import Key
from pgaudit_log.declaring.masks import masks_of
from pgaudit_log.values.column_json import TEXTS, differs_by_image, form_of, sql_type
from pgaudit_log.values.key_sql import key_sql, may_be_shortened
from pgaudit_log.values.keys import key_fields
from pgaudit_log.values.quoting import quote_literal
from pgaudit_log.values.row_sql import Columns
from pgaudit_log.values.tables import Field, column_of, concrete, table_of


def any_dialect(connection: BaseDatabaseWrapper | None = None) -> BaseDatabaseWrapper:
    """Return the connection that names column types; only its dialect matters, it is not opened."""
    if connection is not None:
        return connection
    return next((c for c in connections.all() if c.vendor == "postgresql"), connections["default"])


def captured(
    fields: Iterable[Field],
    connection: BaseDatabaseWrapper | None = None,
    masks: Mapping[str, Mask] | None = None,
) -> tuple[Column, ...]:
    """Return the columns of fields, with the ``masks`` that are given by column."""
    dialect = any_dialect(connection)
    columns = []
    for field in fields:
        type_name = sql_type(field, dialect)
        own_collation = bool(getattr(field, "db_collation", None))
        by_image = differs_by_image(type_name, own_collation=own_collation)
        mask = masks.get(column_of(field)) if masks else None
        columns.append(Column(column_of(field), form_of(type_name), by_image, mask))
    return tuple(columns)


def shown(fields: Iterable[Field], masks: Mapping[str, Mask]) -> list[Field]:
    """Return those of fields whose values events have."""
    return [field for field in fields if column_of(field) not in masks]


def outside_capture(sql: str, shape: str = "capture.shape") -> str:
    """Return an expression of a capture function for a statement outside of one.

    Its functions are found by the search path there; ``shape`` is the SQL of the shape of which hashes
    are, where the statement has none of the function's name.
    """
    return sql.replace("@schema@.", "").replace("capture.shape", shape)


def current_shape_sql(model: type[models.Model]) -> str:
    """Return the shape that the table of ``model`` has now, which a trigger would know."""
    table = f"{quote_literal(table_of(concrete(model)))}::regclass"
    masks = ", ".join(map(quote_literal, masks_of(model)))
    masked = f", ARRAY[{masks}]" if masks else ""
    return f"pgaudit_log_current_shape({table}{masked})"


def captured_key(model: type[models.Model], connection: BaseDatabaseWrapper | None = None) -> Key:
    """Return the primary key of a model's table."""
    fields = key_fields(concrete(model))
    return Key(captured(fields, connection), placed_key_sql(fields, any_dialect(connection)))


def placed_key_sql(fields: Columns, connection: BaseDatabaseWrapper) -> str:
    """Return the SQL of the text of a key, with ``$1``, ``$2``, … for its columns."""
    return key_sql([f"${n}" for n in range(1, len(fields) + 1)], fields, connection)


def stored_columns(
    model: type[models.Model], columns: Columns, connection: BaseDatabaseWrapper | None = None
) -> Columns:
    """Return the columns that snapshots have: the tracked ``columns``, and a key that may be shortened.

    ``obj_pk`` has any key, tracked or not; what is too long for it stands there.
    """
    keys = key_fields(concrete(model))
    if not may_be_shortened(keys, any_dialect(connection)):
        return columns
    names = {field.name for field in columns}
    return [*columns, *(field for field in keys if field.name not in names)]


def is_compared_as_text(field: Field, connection: BaseDatabaseWrapper) -> bool:
    """Return whether a large value is compared as a text; ``char(n)`` has blanks as a text."""
    return sql_type(field, connection).lower() in TEXTS - {"bpchar"}
