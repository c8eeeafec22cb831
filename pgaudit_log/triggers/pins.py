"""The settings that a capture function pins because the text of its values depends on them."""

from __future__ import annotations

from django.db import models

from pgaudit_log.triggers.captured_columns import any_dialect
from pgaudit_log.values.column_json import settings_of, sql_type
from pgaudit_log.values.keys import key_fields
from pgaudit_log.values.pinned_settings import PINNED
from pgaudit_log.values.row_sql import Columns
from pgaudit_log.values.tables import concrete


def needed_pins(model: type[models.Model], columns: Columns) -> tuple[str, ...]:
    """Return those of :data:`PINNED` that a function needs for its ``columns`` and the key.

    Each costs a microsecond and a half a statement.
    """
    dialect = any_dialect()
    needed = {
        name
        for field in [*key_fields(concrete(model)), *columns]
        for name in settings_of(sql_type(field, dialect))
    }
    return tuple(name for name in PINNED if name in needed)
