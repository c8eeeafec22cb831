"""The settings that a capture function pins because the text of its values depends on them."""

from __future__ import annotations

from django.db import models
from pgtrigger.core import Condition

from pgaudit_log.triggers.column_sql import any_dialect
from pgaudit_log.triggers.free_conditions import is_free
from pgaudit_log.values.column_json import settings_of, sql_type
from pgaudit_log.values.keys import key_fields
from pgaudit_log.values.pinned_settings import PINNED
from pgaudit_log.values.row_sql import Columns
from pgaudit_log.values.tables import concrete


def needed_pins(
    model: type[models.Model], condition: Condition | None, columns: Columns
) -> dict[str, str]:
    """Return those of :data:`PINNED` that a function needs for its ``columns`` and its condition.

    Each costs a microsecond and a half a statement.
    """
    if is_free(condition):
        return dict(PINNED)  # its SQL may be anything
    dialect = any_dialect(None)
    needed = {
        name
        for field in [*key_fields(concrete(model)), *columns]
        for name in settings_of(sql_type(field, dialect))
    }
    return {name: value for name, value in PINNED.items() if name in needed}
