"""The flush of a user's tests: a ``TransactionTestCase`` empties the event table too.

Only in a test environment. Elsewhere ``manage.py flush`` leaves the events alone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from pgaudit_log import sql
from pgaudit_log.declaring import former_names
from pgaudit_log.values.quoting import quote_literal


def in_test_environment() -> bool:
    """Return whether Django's ``setup_test_environment()`` is in force in this process."""
    test_utils = sys.modules.get("django.test.utils")
    return test_utils is not None and hasattr(test_utils._TestState, "saved_data")


class EmptiesEventTable:
    """A mixin for Django's ``DatabaseOperations``."""

    def sql_flush(self, style: Any, tables: Any, **kwargs: Any) -> list[str]:
        statements: list[str] = super().sql_flush(style, tables, **kwargs)  # type: ignore[misc]
        if not statements or not in_test_environment():
            return statements
        former_names.forget()
        # An event of each TRUNCATE would only be taken away again, and so would make each flush
        # empty a table that a test wrote nothing to.
        return [
            _ignoring(_truncate_triggers()),
            *statements,
            _ignoring(()),
            sql.read("empty_event_table.sql"),
        ]


def _truncate_triggers() -> list[str]:
    # Only now: few processes flush.
    from pgaudit_log.database import installed_captures

    return [
        trigger.get_pgid(model)
        for model, trigger in installed_captures.declared()
        if trigger.tracker.operation_name == "TRUNCATE"
    ]


def _ignoring(triggers: Iterable[str]) -> str:
    """Return the statement that has the rest of a transaction ignore triggers, as django-pgtrigger does."""
    listed = quote_literal("{" + ",".join(triggers) + "}")
    return f"SELECT set_config('pgtrigger.ignore', {listed}, true)"
