"""The settings that a capture function pins."""

from __future__ import annotations

from django.db import models
from pgtrigger.core import Condition

from pgaudit_log.triggers.column_sql import any_dialect
from pgaudit_log.triggers.free_conditions import is_free
from pgaudit_log.values import columns as columns_
from pgaudit_log.values.keys import (
    key_fields,
)
from pgaudit_log.values.row_sql import Columns
from pgaudit_log.values.tables import concrete


def pins_sql(model: type[models.Model], condition: Condition | None, columns: Columns) -> str:
    """Return the SET clauses of a capture function: those of ``columns.PINS`` that its columns need.

    Each costs a microsecond and a half a statement.
    """
    types = any_dialect(None)
    needed = {
        name
        for field in [*key_fields(concrete(model)), *columns]
        for name in columns_.settings_of(columns_.sql_type(field, types))
    }
    if is_free(condition):
        needed = set(columns_.PINS)  # its SQL may be anything
    return "\n".join(
        f"SET \"{name}\" = '{value}'" for name, value in columns_.PINS.items() if name in needed
    )
